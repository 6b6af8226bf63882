"""Which phase a workload is in, case by case; rows are built in memory."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from workloads.models import Pod, Workload
from workloads.phases import derive
from workloads.status import Phase, Reason


def workload(**fields):
    return Workload(**{"uid": "u", "phase": "Creating", "desired": "Running", "pods_requested": 1, **fields})


def pod(**fields):
    return Pod(**{"uid": "p", "phase": "Running", "ready": True, "scheduled": True, **fields})


TAKEN = {"queue": "team-a", "name": "job-x", "uid": "claim", "active": True}
WAITING = {"phase": "Pending", "ready": False}
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
STOPPED = pod(
    phase="Failed",
    ready=False,
    exit_code=143,
    created_at=NOON - timedelta(hours=1),
    finished_at=NOON - timedelta(seconds=5),
    terminating_at=NOON + timedelta(seconds=25),  # the end of its grace period
)
CASES = {
    "not on the cluster yet": (workload(uid=None), [], Phase.CREATING, Reason.SUBMITTED, ""),
    "no pod yet": (workload(), [], Phase.CREATING, Reason.NO_PODS, ""),
    "no node chosen": (
        workload(),
        [pod(scheduled=False, **WAITING)],
        Phase.PENDING,
        Reason.NOT_SCHEDULED,
        "",
    ),
    "no node fits": (
        workload(),
        [
            pod(
                scheduled=False,
                reason="Unschedulable",
                **WAITING,
                message="0/96 nodes are available: 8 Insufficient cpu, 88 Insufficient nvidia.com/gpu.",
            )
        ],
        Phase.PENDING,
        Reason.UNSCHEDULABLE,
        "not enough free CPU and GPUs on any of 96 nodes",
    ),
    "an unknown scheduler's words stay as they are": (
        workload(),
        [pod(scheduled=False, reason="Unschedulable", message="queue red is full", **WAITING)],
        Phase.PENDING,
        Reason.UNSCHEDULABLE,
        "queue red is full",
    ),
    "held by a gate": (
        workload(),
        [pod(scheduled=False, reason="SchedulingGated", **WAITING)],
        Phase.PENDING,
        Reason.GATED,
        "",
    ),
    "containers start": (
        workload(),
        [pod(reason="ContainerCreating", **WAITING)],
        Phase.INITIALIZING,
        Reason.CONTAINER_CREATING,
        "",
    ),
    "a bad image": (
        workload(),
        [pod(reason="ImagePullBackOff", message="no such image", **WAITING)],
        Phase.INITIALIZING,
        Reason.IMAGE,
        "no such image",
    ),
    "running": (workload(), [pod()], Phase.RUNNING, Reason.NONE, ""),
    "running, then one of two crashes": (
        workload(was_running=True),
        [pod(), pod(ready=False, restarts=1, reason="CrashLoopBackOff", exit_code=1)],
        Phase.DEGRADED,
        Reason.CRASH_LOOP,
        "exit code 1",
    ),
    "its only pod failed and will be tried again": (
        workload(was_running=True, retries=1),
        [pod(phase="Failed", ready=False, exit_code=2, reason="Error")],
        Phase.DEGRADED,
        Reason.EXIT_CODE,
        "waits to try again: exit code 2",
    ),
    "its only pod failed and there is no other try": (
        workload(was_running=True),
        [pod(phase="Failed", ready=False, exit_code=2, reason="Error")],
        Phase.FAILED,
        Reason.EXIT_CODE,
        "exit code 2",
    ),
    "it was stopped, run again, and has ended well": (
        workload(was_running=True),
        [STOPPED, pod(phase="Succeeded", ready=False, created_at=NOON)],
        Phase.RUNNING,
        Reason.NONE,
        "finishing",
    ),
    "it was stopped, run again, and has failed": (
        workload(was_running=True),
        [STOPPED, pod(phase="Failed", ready=False, exit_code=2, created_at=NOON, finished_at=NOON)],
        Phase.FAILED,
        Reason.EXIT_CODE,
        "exit code 2",
    ),
    "its queue evicted it, and takes it up again": (
        workload(queueing=TAKEN),
        [STOPPED],
        Phase.CREATING,
        Reason.NO_PODS,
        "",
    ),
    "it was stopped and run again, and one of two pods is not ready": (
        workload(was_running=True),
        [STOPPED, pod(created_at=NOON), pod(ready=False, created_at=NOON)],
        Phase.RUNNING,
        Reason.NOT_READY,
        "1 of 2 pods ready",
    ),
    "its only pod was taken off its node": (
        workload(was_running=True),
        [STOPPED],
        Phase.FAILED,
        Reason.EXIT_CODE,
        "exit code 143, ended by SIGTERM",
    ),
    "one of three waits for a node while the others run": (
        workload(was_running=True),
        [pod(), pod(), pod(scheduled=False, reason="Unschedulable", message="no", **WAITING)],
        Phase.RUNNING,
        Reason.NOT_READY,
        "2 of 3 pods ready",
    ),
    "the next pod of a series starts": (
        workload(was_running=True),
        [pod(phase="Succeeded", ready=False), pod(reason="ContainerCreating", **WAITING)],
        Phase.RUNNING,
        Reason.NOT_READY,
        "0 of 1 pod ready",
    ),
    "its pod was evicted and a new one waits": (
        workload(was_running=True),
        [pod(scheduled=False, **WAITING)],
        Phase.PENDING,
        Reason.NOT_SCHEDULED,
        "",
    ),
    "it asks for no pods": (workload(pods_requested=0), [], Phase.STOPPED, Reason.NO_PODS_WANTED, ""),
    "its pod ended well, the end is not told yet": (
        workload(was_running=True),
        [pod(phase="Succeeded", ready=False)],
        Phase.RUNNING,
        Reason.NONE,
        "finishing",
    ),
    "stopping": (
        workload(desired="Stopped"),
        [pod()],
        Phase.STOPPING,
        Reason.NONE,
        "waiting for 1 pod to end",
    ),
    "stopped": (
        workload(desired="Stopped", suspended=True),
        [pod(phase="Succeeded")],
        Phase.STOPPED,
        Reason.SUSPENDED,
        "",
    ),
    "resuming": (workload(phase="Stopped"), [], Phase.RESUMING, Reason.NO_PODS, ""),
    "completed": (workload(terminal="Completed"), [pod(phase="Succeeded")], Phase.COMPLETED, Reason.NONE, ""),
    "failed": (
        workload(terminal="Failed"),
        [pod(phase="Failed", exit_code=137, reason="Error")],
        Phase.FAILED,
        Reason.EXIT_CODE,
        "exit code 137, killed (SIGKILL)",
    ),
    "out of memory": (
        workload(terminal="Failed"),
        [pod(phase="Failed", exit_code=137, reason="OOMKilled")],
        Phase.FAILED,
        Reason.OUT_OF_MEMORY,
        "exit code 137, out of memory",
    ),
    "refused by the cluster": (
        workload(
            uid=None, terminal="Failed", terminal_reason="NotCreated", terminal_message="quota exceeded"
        ),
        [],
        Phase.FAILED,
        Reason.NOT_CREATED,
        "quota exceeded",
    ),
    "ended with its node": (
        workload(terminal="Failed"),
        [pod(phase="Failed", reason="NodeShutdown")],
        Phase.FAILED,
        Reason.NODE_SHUTDOWN,
        "ended when its node was shut down",
    ),
    "deleting, pods left": (
        workload(desired="Deleted"),
        [pod()],
        Phase.DELETING,
        Reason.NONE,
        "waiting for 1 pod",
    ),
    "deleting, held by a finalizer": (
        workload(desired="Deleted", finalizers=["example.com/hold"]),
        [],
        Phase.DELETING,
        Reason.FINALIZERS,
        "example.com/hold",
    ),
    "deleting beats failed": (
        workload(desired="Deleted", terminal="Failed"),
        [],
        Phase.DELETING,
        Reason.NONE,
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_phase_is(case):
    row, pods, phase, reason, message = CASES[case]
    for number, one in enumerate(pods):
        one.uid = str(number)
    assert vars_of(derive(row, pods)) == SimpleNamespace(phase=phase, reason=reason, message=message)


def vars_of(status):
    return SimpleNamespace(phase=status.phase, reason=status.reason, message=status.message)
