"""Says in words why a workload waits or failed, from what the cluster itself says. Pure.

A message that is not recognised is passed on as it is, never guessed at.
"""

import re
from collections.abc import Sequence

from workloads.models import Pod, Workload
from workloads.status import Phase, Reason, Status

_INSUFFICIENT = re.compile(r"(\d+) Insufficient ([\w./-]*\w)")
_NODES = re.compile(r"^0/(\d+) nodes are available")
_RESOURCES = {"nvidia.com/gpu": "GPUs", "cpu": "CPU", "memory": "memory", "pods": "room for pods"}
_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_JOB_REASONS = {
    "DeadlineExceeded": (Reason.DEADLINE, "ran longer than allowed"),
    "NotCreated": (Reason.NOT_CREATED, ""),
}


def why_unscheduled(waiting: Sequence[Pod]) -> Status:
    """Pending, in the scheduler's words made short."""
    pod = next((p for p in waiting if p.message), waiting[0])
    if pod.reason == "SchedulingGated":
        return Status(Phase.PENDING, Reason.GATED)
    if pod.reason == "Unschedulable":
        return Status(Phase.PENDING, Reason.UNSCHEDULABLE, unschedulable(pod.message))
    return Status(Phase.PENDING, Reason.NOT_SCHEDULED, pod.message)


def unschedulable(message: str) -> str:
    """kube-scheduler's "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. ..." in plain words."""
    nodes, short = _NODES.match(message), _INSUFFICIENT.findall(message)
    if not nodes or not short:
        return message
    what = " and ".join(_RESOURCES.get(name, name) for _, name in short)
    total = int(nodes[1])
    return f"not enough free {what} on {'the node' if total == 1 else f'any of {total} nodes'}"


def why_not_ready(unready: Sequence[Pod]) -> Status:
    """Initializing, with what the slowest pod waits for."""
    pod = next((p for p in unready if p.reason), unready[0])
    if pod.reason in _IMAGE:
        return Status(Phase.INITIALIZING, Reason.IMAGE, pod.message)
    if pod.reason in _CONFIG:
        return Status(Phase.INITIALIZING, Reason.CONFIG, pod.message)
    if pod.reason == "CrashLoopBackOff":
        return Status(Phase.INITIALIZING, Reason.CRASH_LOOP, exit_words(pod))
    if pod.reason == "PodInitializing":
        return Status(Phase.INITIALIZING, Reason.INIT)
    return Status(Phase.INITIALIZING, Reason.CONTAINER_CREATING if pod.reason else Reason.NOT_READY)


def why_failed(workload: Workload, pods: Sequence[Pod]) -> Status:
    """Failed, with the exit code of the last pod that failed, where there is one."""
    known = _JOB_REASONS.get(workload.terminal_reason)
    if known:
        return Status(Phase.FAILED, known[0], known[1] or workload.terminal_message)
    failed = [pod for pod in pods if pod.phase == "Failed"]
    pod = max(failed, key=lambda p: p.finished_at or p.created_at, default=None)
    if pod is None:
        return Status(Phase.FAILED, Reason.BACKOFF_LIMIT, workload.terminal_message)
    if pod.reason == "OOMKilled":
        return Status(Phase.FAILED, Reason.OUT_OF_MEMORY, exit_words(pod))
    if pod.reason in ("NodeShutdown", "Terminated", "Shutdown"):
        return Status(Phase.FAILED, Reason.NODE_SHUTDOWN, "ended when its node was shut down")
    return Status(Phase.FAILED, Reason.EXIT_CODE, exit_words(pod))


def exit_words(pod: Pod) -> str:
    """ "exit code 137, out of memory"; the cluster's own message where there is no code."""
    if pod.exit_code is None:
        return pod.message
    words = f"exit code {pod.exit_code}"
    if pod.reason == "OOMKilled":
        return f"{words}, out of memory"
    signals = {130: "interrupted", 137: "killed", 139: "segmentation fault", 143: "terminated"}
    if pod.exit_code in signals:
        words += f", {signals[pod.exit_code]}"
    return f"{words}: {pod.message}" if pod.message and pod.reason == "StartError" else words
