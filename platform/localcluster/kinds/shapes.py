"""The JSON types of the fields we rely on, so that rules may trust them; unknown fields pass untouched.

Mirrors the parts of Kubernetes' own types that rules, scheduler and kubelet read. A value of the wrong type,
or no quantity where one belongs, is refused as Kubernetes refuses it: 400, "cannot be handled as".
"""

from __future__ import annotations

import msgspec

from localcluster.kinds.pod_shapes import Condition, Named, PodSpec
from localcluster.kinds.shape import Int, IntOrString, Plain, Quantities, Shape, Strings, TemplateMeta


class LabelRequirement(Shape):
    key: str | None = None
    operator: str | None = None
    values: list[str] | None = None


class LabelSelector(Shape):
    match_labels: Strings | None = None
    match_expressions: list[LabelRequirement] | None = None


class PodTemplate(Shape):
    metadata: TemplateMeta | None = None
    spec: PodSpec | None = None


class ExitCodes(Shape):
    container_name: str | None = None
    operator: str | None = None
    values: list[Int] | None = None


class ConditionPattern(Shape):
    type: str | None = None
    status: str | None = None


class FailureRule(Shape):
    action: str | None = None
    on_exit_codes: ExitCodes | None = None
    on_pod_conditions: list[ConditionPattern] | None = None


class FailurePolicy(Shape):
    rules: list[FailureRule] | None = None


class SuccessRule(Shape):
    succeeded_indexes: str | None = None
    succeeded_count: Int | None = None


class SuccessPolicy(Shape):
    rules: list[SuccessRule] | None = None


class JobSpec(Shape):
    parallelism: Int | None = None
    completions: Int | None = None
    completion_mode: str | None = None
    backoff_limit: Int | None = None
    backoff_limit_per_index: Int | None = None
    max_failed_indexes: Int | None = None
    active_deadline_seconds: Int | None = None
    ttl_seconds_after_finished: Int | None = None
    suspend: bool | None = None
    manual_selector: bool | None = None
    pod_replacement_policy: str | None = None
    selector: LabelSelector | None = None
    template: PodTemplate | None = None
    pod_failure_policy: FailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    managed_by: str | None = None


class JobStatus(Shape):
    active: Int | None = None
    ready: Int | None = None
    succeeded: Int | None = None
    failed: Int | None = None
    terminating: Int | None = None
    start_time: str | None = None
    completion_time: str | None = None
    completed_indexes: str | None = None
    failed_indexes: str | None = None
    conditions: list[Condition] | None = None


class Job(Plain):
    spec: JobSpec | None = None  # type: ignore[assignment]
    status: JobStatus | None = None  # type: ignore[assignment]


class Taint(Shape):
    key: str | None = None
    value: str | None = None
    effect: str | None = None


class NodeSpec(Shape):
    taints: list[Taint] | None = None
    unschedulable: bool | None = None
    provider_id: str | None = msgspec.field(default=None, name="providerID")


class NodeStatus(Shape):
    capacity: Quantities | None = None
    allocatable: Quantities | None = None
    conditions: list[Condition] | None = None
    addresses: list[Strings] | None = None


class Node(Plain):
    spec: NodeSpec | None = None  # type: ignore[assignment]
    status: NodeStatus | None = None  # type: ignore[assignment]


class ObjectReference(Shape):
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    api_version: str | None = None
    resource_version: str | None = None
    field_path: str | None = None


class EventSource(Shape):
    component: str | None = None
    host: str | None = None


class Event(Plain):
    involved_object: ObjectReference | None = None
    reason: str | None = None
    message: str | None = None
    source: EventSource | None = None
    type: str | None = None
    count: Int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    reporting_component: str | None = None
    reporting_instance: str | None = None


class ConfigMap(Plain):
    data: Strings | None = None
    binary_data: Strings | None = None
    immutable: bool | None = None


class Secret(Plain):
    data: Strings | None = None
    string_data: Strings | None = None
    type: str | None = None
    immutable: bool | None = None


class ServicePort(Shape):
    name: str | None = None
    port: Int | None = None
    target_port: IntOrString | None = None
    node_port: Int | None = None
    protocol: str | None = None


class ServiceSpec(Shape):
    type: str | None = None
    selector: Strings | None = None
    ports: list[ServicePort] | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    external_name: str | None = None
    session_affinity: str | None = None


class Service(Plain):
    spec: ServiceSpec | None = None  # type: ignore[assignment]


class ServiceAccount(Plain):
    secrets: list[ObjectReference] | None = None
    image_pull_secrets: list[Named] | None = None
    automount_service_account_token: bool | None = None


class LeaseSpec(Shape):
    holder_identity: str | None = None
    lease_duration_seconds: Int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: Int | None = None
    strategy: str | None = None
    preferred_holder: str | None = None


class Lease(Plain):
    spec: LeaseSpec | None = None  # type: ignore[assignment]


class PriorityClass(Plain):
    value: Int | None = None
    global_default: bool | None = None
    description: str | None = None
    preemption_policy: str | None = None
