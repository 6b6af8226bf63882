"""The two enums of a workload's status: phase (what it is) and reason (why). Pure.

Phases are those of Run:ai; phases change only in `transitions`.
"""

from dataclasses import dataclass

from django.db.models import TextChoices


class Phase(TextChoices):
    CREATING = "Creating", "Creating"
    PENDING = "Pending", "Pending"
    INITIALIZING = "Initializing", "Initializing"
    RESUMING = "Resuming", "Resuming"
    RUNNING = "Running", "Running"
    DEGRADED = "Degraded", "Degraded"
    STOPPING = "Stopping", "Stopping"
    STOPPED = "Stopped", "Stopped"
    DELETING = "Deleting", "Deleting"
    FAILED = "Failed", "Failed"
    COMPLETED = "Completed", "Completed"


TERMINAL = frozenset({Phase.FAILED, Phase.COMPLETED})
ENDED = TERMINAL | {Phase.STOPPED}


class Reason(TextChoices):
    NONE = "", ""
    SUBMITTED = "Submitted", "sent to the cluster"
    NOT_CREATED = "NotCreated", "the cluster refused it"
    NO_PODS = "NoPods", "no pod yet"
    NO_PODS_WANTED = "NoPodsWanted", "asks for no pods"
    UNSCHEDULABLE = "Unschedulable", "no node has room"
    NOT_SCHEDULED = "NotScheduled", "waiting for a node"
    GATED = "SchedulingGated", "scheduling gate"
    QUEUED = "Queued", "waiting in its queue"
    EVICTED = "Evicted", "evicted by its queue"
    INIT = "PodInitializing", "init containers running"
    CONTAINER_CREATING = "ContainerCreating", "starting containers"
    IMAGE = "ImagePull", "the image cannot be pulled"
    CONFIG = "ContainerConfig", "the container cannot be configured"
    CRASH_LOOP = "CrashLoopBackOff", "restarting after a crash"
    NOT_READY = "NotReady", "not all pods are ready"
    EXIT_CODE = "ExitCode", "a container failed"
    OUT_OF_MEMORY = "OOMKilled", "out of memory"
    DEADLINE = "DeadlineExceeded", "ran longer than allowed"
    BACKOFF_LIMIT = "BackoffLimitExceeded", "failed too often"
    NODE_SHUTDOWN = "NodeShutdown", "its node was shut down"
    SUSPENDED = "Suspended", "stopped"
    FINALIZERS = "Finalizers", "waiting for finalizers"


REASON_WORDS: dict[str, str] = dict(Reason.choices)  # an enum's `choices` are made anew each time


class Desired(TextChoices):
    """What people asked for last."""

    RUNNING = "Running", "Running"
    STOPPED = "Stopped", "Stopped"
    DELETED = "Deleted", "Deleted"


@dataclass(frozen=True, slots=True)
class Status:
    """Phase, reason and the words beside them; `message` is plain text of any origin: escape it."""

    phase: Phase
    reason: Reason = Reason.NONE
    message: str = ""
