"""The fields Runyard reads of schedulers' own objects: Kueue's Workload, PodGroups of KAI and Volcano, KAI's
Queue.

Decoded as `objects` are. They come from programs of many versions: whatever may be absent or null is let be,
and times stay texts, so that a bad one spoils no more than itself.
"""

from runyard.clusters.objects import Meta, Struct


class Explained(Struct):
    """One of several reasons of a KAI condition."""

    reason: str | None = ""
    message: str | None = ""


class SchedulerCondition(Struct):
    """A condition as all three write it; the last two fields are KAI's."""

    type: str | None = ""
    status: str | None = ""
    reason: str | None = ""
    message: str | None = ""
    last_transition_time: str | None = ""
    node_pool: str | None = ""
    reasons: list[Explained] | None = None


class KueueSpec(Struct):
    queue_name: str | None = ""
    active: bool | None = True


class Admission(Struct):
    cluster_queue: str | None = ""


class AdmissionCheck(Struct):
    name: str | None = ""
    state: str | None = ""
    message: str | None = ""
    last_transition_time: str | None = ""


class RequeueState(Struct):
    """`count`: how often it was queued again because its pods were not ready in time, or for a check."""

    count: int | None = None
    requeue_at: str | None = ""


class KueueStatus(Struct):
    conditions: list[SchedulerCondition] | None = None
    admission: Admission | None = None
    admission_checks: list[AdmissionCheck] | None = None
    requeue_state: RequeueState | None = None


class KueueWorkload(Struct):
    """kueue.x-k8s.io/v1beta1 and v1beta2: what is read here is the same in both."""

    metadata: Meta
    spec: KueueSpec | None = None
    status: KueueStatus | None = None


class PodGroupSpec(Struct):
    queue: str | None = ""


class PodGroupStatus(Struct):
    """KAI writes `scheduling_conditions`, Volcano `conditions`."""

    conditions: list[SchedulerCondition] | None = None
    scheduling_conditions: list[SchedulerCondition] | None = None


class PodGroup(Struct):
    """scheduling.run.ai/v2alpha2 and scheduling.volcano.sh/v1beta1."""

    metadata: Meta
    spec: PodGroupSpec | None = None
    status: PodGroupStatus | None = None


class KaiQueueSpec(Struct):
    parent_queue: str | None = ""
    preempt_min_runtime: str | None = None


class KaiQueueObject(Struct):
    """scheduling.run.ai/v2."""

    metadata: Meta
    spec: KaiQueueSpec | None = None
