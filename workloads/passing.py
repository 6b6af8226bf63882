"""The phases a workload went through unseen, told from its pods' own times. Pure; called by `transitions`.

What happens between two looks at a cluster (a pod that was placed at once, a short run) is in the pods'
conditions, to the second. Only what they say is told: a time they lack is no phase.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from workloads.models import Pod, Workload
from workloads.status import TERMINAL, Phase

#: From a submission, or a resumption, to pods that run.
WAY = (Phase.PENDING, Phase.INITIALIZING, Phase.RUNNING)
_BEFORE = (Phase.CREATING, Phase.RESUMING)
_SECOND = timedelta(seconds=1)  # clusters give times to the second


def passed(workload: Workload, pods: Sequence[Pod], now: Phase, at: datetime) -> list[tuple[Phase, datetime]]:
    """Phases between `workload.phase` and `now`, entered at `at`; each with the moment it began."""
    since = workload.phase_at or workload.created_at
    mine = [pod for pod in pods if pod.created_at >= since - _SECOND]
    here, there = _place(workload.phase), _place(now)
    if not mine or here is None or there is None:
        return []
    steps: list[tuple[Phase, datetime]] = []
    for phase, began in _begun(mine):
        if here < WAY.index(phase) < there:
            since = min(at, max(began, since))
            steps.append((phase, since))
    return steps


def _place(phase: str) -> int | None:
    """Where on the way a phase is: -1 before it, its length beyond; None for one that is not on it."""
    if phase in WAY:
        return WAY.index(Phase(phase))
    return -1 if phase in _BEFORE else len(WAY) if phase in TERMINAL else None


def _begun(pods: Sequence[Pod]) -> list[tuple[Phase, datetime]]:
    """When the workload of `pods` began each step of the way, as far as they say; the last pod decides."""
    placed = [pod.scheduled_at for pod in pods if pod.scheduled_at]
    running = [pod.running_at for pod in pods if pod.running_at]
    steps = [(Phase.PENDING, min(pod.created_at for pod in pods))]
    if len(placed) == len(pods):
        steps.append((Phase.INITIALIZING, max(placed)))
    if len(running) == len(pods):
        steps.append((Phase.RUNNING, max(running)))
    return steps
