"""Says in words why a workload waits or failed, from what the cluster itself says. Pure.

A message that is not recognised is passed on as it is, never guessed at.
"""

from collections.abc import Sequence

from workloads.endings import ending
from workloads.models import Pod, Workload
from workloads.status import Phase, Reason, Status
from workloads.waiting.queued import Say, held, without_queue
from workloads.waiting.rules import Told, short
from workloads.waiting.told import explain, words

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_JOB_REASONS = {
    "DeadlineExceeded": (Reason.DEADLINE, "ran longer than allowed"),
    "NotCreated": (Reason.NOT_CREATED, ""),
}


def why_held(workload: Workload) -> Status:
    """Pending, in the words of the queue that holds it suspended."""
    says = workload.queueing.get("says", ())
    told = held(says)
    reason = Reason.EVICTED if any(say.get("evicted") for say in says) else Reason.QUEUED
    return Status(Phase.PENDING, reason, told.words if told else "")


def why_unscheduled(waiting: Sequence[Pod], queueing: Say, says: Sequence[Say] = ()) -> Status:
    """Pending, in the scheduler's words made short; `says` are those of its own object that count."""
    pod = next((p for p in waiting if p.message), waiting[0])
    if pod.reason == "SchedulingGated":
        return Status(Phase.PENDING, Reason.GATED)
    told, own = held(says), explain(Told("", pod.reason, pod.message))
    if told and (not told.general or own is None):
        return Status(Phase.PENDING, Reason.UNSCHEDULABLE, told.words)
    if not pod.message and (passed_over := without_queue(queueing)):
        return Status(Phase.PENDING, Reason.UNSCHEDULABLE, passed_over.words)
    if pod.reason == "Unschedulable":
        return Status(Phase.PENDING, Reason.UNSCHEDULABLE, words(pod.reason, pod.message))
    return Status(Phase.PENDING, Reason.NOT_SCHEDULED, words(pod.reason, pod.message))


def why_not_ready(unready: Sequence[Pod]) -> Status:
    """Initializing, with what the slowest pod waits for."""
    pod = next((p for p in unready if p.reason), unready[0])
    if pod.reason in _IMAGE:
        return Status(Phase.INITIALIZING, Reason.IMAGE, words(pod.reason, pod.message))
    if pod.reason in _CONFIG:
        return Status(Phase.INITIALIZING, Reason.CONFIG, words(pod.reason, pod.message))
    if pod.reason == "CrashLoopBackOff":
        return Status(Phase.INITIALIZING, Reason.CRASH_LOOP, exit_words(pod))
    if pod.reason == "PodInitializing":
        return Status(Phase.INITIALIZING, Reason.INIT)
    return Status(Phase.INITIALIZING, Reason.CONTAINER_CREATING if pod.reason else Reason.NOT_READY)


def why_failed(workload: Workload, pods: Sequence[Pod]) -> Status:
    """Failed, with the exit code of the last pod that failed, where there is one."""
    known = _JOB_REASONS.get(workload.terminal_reason)
    if known:
        told = words(workload.terminal_reason, workload.terminal_message)
        return Status(Phase.FAILED, known[0], known[1] or told)
    failed = [pod for pod in pods if pod.phase == "Failed"]
    pod = max(failed, key=lambda p: p.finished_at or p.created_at, default=None)
    if pod is None:
        return Status(Phase.FAILED, Reason.BACKOFF_LIMIT, short(workload.terminal_message))
    if pod.reason == "OOMKilled":
        return Status(Phase.FAILED, Reason.OUT_OF_MEMORY, exit_words(pod))
    if pod.reason in ("NodeShutdown", "Terminated", "Shutdown"):
        return Status(Phase.FAILED, Reason.NODE_SHUTDOWN, "ended when its node was shut down")
    return Status(Phase.FAILED, Reason.EXIT_CODE, exit_words(pod))


def exit_words(pod: Pod) -> str:
    """ "exit code 137, out of memory, limit 8 GiB"; the cluster's own message where there is no code."""
    if pod.exit_code is None:
        return short(pod.message)
    end, code = ending(pod), f"exit code {pod.exit_code}"
    if pod.reason == "StartError":
        return f"{code}: {words(pod.reason, pod.message)}"
    return code if end is None or end.words == "error" else f"{code}, {end.words}"
