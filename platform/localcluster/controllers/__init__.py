"""The controllers of the embedded cluster: jobs, replicas, garbage, namespaces, times to live, scheduling.

The server calls `start_controllers`; each controller only reads and writes the registry, as it would the API.
"""

from typing import TYPE_CHECKING

from localcluster.backoff import Backoff

from .deployments import DeploymentController
from .garbage import GarbageCollector
from .jobs import JobController
from .namespaces import NamespaceController
from .replicasets import ReplicaSetController
from .runner import Controller
from .scheduler import Scheduler
from .ttl import TimeToLive

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


async def start_controllers(registry: "Registry", *, job_backoff: Backoff = JOB_BACKOFF) -> Controllers:
    """Starts every controller; `job_backoff` is how long a job waits before it replaces a failed pod."""
    running = [
        JobController(registry, job_backoff),
        ReplicaSetController(registry),
        DeploymentController(registry),
        GarbageCollector(registry),
        NamespaceController(registry),
        TimeToLive(registry),
        Scheduler(registry),
    ]
    for controller in running:
        controller.start()
    return Controllers(running)
