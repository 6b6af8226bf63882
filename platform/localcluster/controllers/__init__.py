"""The controllers of the embedded cluster: jobs, sets of pods, volumes, garbage, times to live, scheduling.

The server calls `start_controllers`; each controller only reads and writes the registry, as it would the API.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from localcluster.backoff import Backoff

from .cronjobs import CronJobController
from .deployments import DeploymentController
from .garbage import GarbageCollector
from .jobs import JobController
from .namespaces import NamespaceController
from .replicasets import ReplicaSetController
from .runner import Controller
from .scheduler import Scheduler
from .statefulsets import StatefulSetController
from .ttl import TimeToLive
from .volumes import VolumeController

if TYPE_CHECKING:
    from localcluster.registry import Registry

__all__ = ["Controllers", "start_controllers"]

JOB_BACKOFF = Backoff(10.0, 360.0, free=0)


class Controllers:
    """All that run; `stop` returns when none of them will write any more."""

    def __init__(self, running: list[Controller]) -> None:
        self.running = running

    async def stop(self) -> None:
        for controller in self.running:
            await controller.stop()


async def start_controllers(
    registry: "Registry", home: Path, *, job_backoff: Backoff = JOB_BACKOFF
) -> Controllers:
    """Starts every controller; what volumes hold is in `home`.

    `job_backoff` is how long a job waits before it replaces a failed pod.
    """
    running = [
        JobController(registry, job_backoff),
        CronJobController(registry),
        ReplicaSetController(registry),
        DeploymentController(registry),
        StatefulSetController(registry),
        VolumeController(registry, home / "volumes"),
        GarbageCollector(registry),
        NamespaceController(registry),
        TimeToLive(registry),
        Scheduler(registry),
    ]
    for controller in running:
        controller.start()
    return Controllers(running)
