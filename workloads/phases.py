"""Which phase a workload is in, from its row and its pods. Pure: nothing is read or written here.

First match wins; the order is that of the table in docs/phases.md.
"""

from collections.abc import Sequence

from workloads.explain import why_failed, why_held, why_not_ready, why_unscheduled
from workloads.models import Pod, Workload
from workloads.queueing.saying import is_switched
from workloads.queueing.schedulers import is_queued
from workloads.refusals import still_said
from workloads.status import Desired, Phase, Reason, Status

_ENDED_PODS = frozenset({"Succeeded", "Failed"})
_WAS_STOPPED = frozenset({Phase.STOPPING, Phase.STOPPED, Phase.RESUMING})


def active(pods: Sequence[Pod]) -> list[Pod]:
    """The pods that still are and have not ended."""
    return [pod for pod in pods if pod.gone_at is None and pod.phase not in _ENDED_PODS]


def derive(workload: Workload, pods: Sequence[Pod]) -> Status:
    """The status that `workload` and its pods add up to."""
    if workload.terminating_at or workload.desired == Desired.DELETED:
        return _deleting(workload, pods)
    if workload.terminal == "Completed":
        return Status(Phase.COMPLETED)
    if workload.terminal:
        return why_failed(workload, pods)
    if workload.uid is None:
        return Status(Phase.CREATING, Reason.SUBMITTED)
    living = active(pods)
    if workload.desired == Desired.STOPPED:
        return _stopped(workload, living)
    if workload.suspended and is_switched(workload.queueing):
        return _queued(workload, living)
    if not living:
        return _without_pods(workload, pods)
    return _with_pods(workload, pods, living)


def _deleting(workload: Workload, pods: Sequence[Pod]) -> Status:
    left = [pod for pod in pods if pod.gone_at is None]
    if left:
        return Status(Phase.DELETING, message=f"waiting for {_count(left)}")
    if workload.finalizers:
        return Status(Phase.DELETING, Reason.FINALIZERS, ", ".join(workload.finalizers))
    return Status(Phase.DELETING)


def _stopped(workload: Workload, living: list[Pod]) -> Status:
    if workload.suspended and not living and not workload.queueing.get("active"):
        return Status(Phase.STOPPED, Reason.SUSPENDED, why_held(workload).message)
    return Status(Phase.STOPPING, message=f"waiting for {_count(living)} to end" if living else "")


def _queued(workload: Workload, living: list[Pod]) -> Status:
    """Its queue holds it, though nobody stopped it; after an eviction its pods may still be ending."""
    if not workload.queueing["active"]:
        return Status(Phase.RESUMING, Reason.NO_PODS)
    status = why_held(workload)
    if not living:
        return status
    words = "; ".join(filter(None, (status.message, f"waiting for {_count(living)} to end")))
    return Status(Phase.STOPPING, status.reason, words)


def _without_pods(workload: Workload, pods: Sequence[Pod]) -> Status:
    if workload.phase in _WAS_STOPPED:
        return Status(Phase.RESUMING, Reason.NO_PODS, still_said(workload))
    if workload.suspended and is_queued(workload.labels):
        return Status(Phase.PENDING, Reason.QUEUED, "waits for Kueue to take it up")
    failed = _failed(workload, pods)
    if failed > workload.retries:  # the cluster is about to say so
        return why_failed(workload, pods)
    if failed:
        failure = why_failed(workload, pods)
        return Status(Phase.DEGRADED, failure.reason, f"waits to try again: {failure.message}")
    if workload.was_running:
        return Status(Phase.RUNNING, message="finishing")
    if workload.pods_requested == 0:
        return Status(Phase.STOPPED, Reason.NO_PODS_WANTED)
    return Status(Phase.CREATING, Reason.NO_PODS, still_said(workload))


def _failed(workload: Workload, pods: Sequence[Pod]) -> int:
    """How many of `pods` failed; what a stop ended has not."""
    failed = [pod for pod in pods if pod.phase == "Failed"]
    asked = [when for pod in failed if pod.terminating_at and (when := pod.finished_at or pod.gone_at)]
    if not asked or is_switched(workload.queueing):  # what a queue resumes has its next pods still to come
        return len(failed) - len(asked)
    newest = max(pod.created_at for pod in pods)
    return len(failed) - sum(newest >= when for when in asked)


def _with_pods(workload: Workload, pods: Sequence[Pod], living: list[Pod]) -> Status:
    unready = [pod for pod in living if not pod.ready]
    if not unready:
        return Status(Phase.RUNNING)
    unplaced = [pod for pod in unready if not pod.scheduled]
    # a scheduler says nothing new of a group of which a pod has a node
    says = workload.queueing.get("says", ()) if len(unplaced) == len(living) else ()
    hurt = any(pod.restarts for pod in unready) or _failed(workload, pods)
    if workload.was_running and hurt:
        status = why_unscheduled(unplaced, workload.queueing, says) if unplaced else why_not_ready(unready)
        return Status(Phase.DEGRADED, status.reason, status.message)
    if workload.was_running and _goes_on(pods, living):
        ready = len(living) - len(unready)
        return Status(Phase.RUNNING, Reason.NOT_READY, f"{ready} of {_count(living)} ready")
    return why_unscheduled(unplaced, workload.queueing, says) if unplaced else why_not_ready(unready)


def _goes_on(pods: Sequence[Pod], living: list[Pod]) -> bool:
    """Whether it makes headway: a pod is ready, or some have ended well and others follow."""
    return any(pod.ready for pod in living) or any(pod.phase == "Succeeded" for pod in pods)


def _count(pods: Sequence[Pod]) -> str:
    return "1 pod" if len(pods) == 1 else f"{len(pods)} pods"
