"""The JSON types of the fields we rely on, so that rules may trust them; unknown fields pass untouched.

Mirrors the parts of Kubernetes' own types that rules, scheduler and kubelet read. A value of the wrong type,
or no quantity where one belongs, is refused as Kubernetes refuses it: 400, "cannot be handled as".
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from localcluster.quantities import parse
from localcluster.status import bad_request

Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Quantities = dict[str, "Quantity"]
IntOrString = int | str
Strings = dict[str, str]
Json = dict[str, Any]


class Quantity:
    """Marks a field that must read as a quantity."""


class Shape(msgspec.Struct, rename="camel", kw_only=True):
    """Base of all: camelCase names, every field optional (null counts as absent)."""


class OwnerReference(Shape):
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Shape):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: Int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: Int | None = None
    labels: Strings | None = None
    annotations: Strings | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None
    managed_fields: list[Json] | None = None


class TemplateMeta(Shape):
    name: str | None = None
    labels: Strings | None = None
    annotations: Strings | None = None
    finalizers: list[str] | None = None


class Plain(Shape):
    """Any object: kind, apiVersion, metadata."""

    kind: str | None = None
    api_version: str | None = None
    metadata: ObjectMeta | None = None
    spec: Json | None = None
    status: Json | None = None


class LabelRequirement(Shape):
    key: str | None = None
    operator: str | None = None
    values: list[str] | None = None


class LabelSelector(Shape):
    match_labels: Strings | None = None
    match_expressions: list[LabelRequirement] | None = None


class KeyRef(Shape):
    name: str | None = None
    key: str | None = None
    optional: bool | None = None


class FieldRef(Shape):
    api_version: str | None = None
    field_path: str | None = None


class ResourceFieldRef(Shape):
    container_name: str | None = None
    resource: str | None = None
    divisor: Quantity | None = None


class EnvSource(Shape):
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class EnvVar(Shape):
    name: str | None = None
    value: str | None = None
    value_from: EnvSource | None = None


class EnvFrom(Shape):
    prefix: str | None = None
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class ContainerPort(Shape):
    name: str | None = None
    container_port: Int | None = None
    host_port: Int | None = None
    host_ip: str | None = msgspec.field(default=None, name="hostIP")
    protocol: str | None = None


class Resources(Shape):
    limits: Quantities | None = None
    requests: Quantities | None = None


class VolumeMount(Shape):
    name: str | None = None
    mount_path: str | None = None
    sub_path: str | None = None
    read_only: bool | None = None


class ExecAction(Shape):
    command: list[str] | None = None


class HttpHeader(Shape):
    name: str | None = None
    value: str | None = None


class HttpGet(Shape):
    path: str | None = None
    port: IntOrString | None = None
    host: str | None = None
    scheme: str | None = None
    http_headers: list[HttpHeader] | None = None


class TcpSocket(Shape):
    port: IntOrString | None = None
    host: str | None = None


class Sleep(Shape):
    seconds: Int | None = None


class Handler(Shape):
    exec: ExecAction | None = None
    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    grpc: Json | None = None
    sleep: Sleep | None = None


class Probe(Handler):
    initial_delay_seconds: Int | None = None
    timeout_seconds: Int | None = None
    period_seconds: Int | None = None
    success_threshold: Int | None = None
    failure_threshold: Int | None = None
    termination_grace_period_seconds: Int | None = None


class Lifecycle(Shape):
    post_start: Handler | None = None
    pre_stop: Handler | None = None


class Container(Shape):
    name: str | None = None
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    working_dir: str | None = None
    ports: list[ContainerPort] | None = None
    env: list[EnvVar] | None = None
    env_from: list[EnvFrom] | None = None
    resources: Resources | None = None
    volume_mounts: list[VolumeMount] | None = None
    restart_policy: str | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    image_pull_policy: str | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    security_context: Json | None = None
    tty: bool | None = None
    stdin: bool | None = None


class KeyToPath(Shape):
    key: str | None = None
    path: str | None = None
    mode: Int | None = None


class ConfigMapVolume(Shape):
    name: str | None = None
    items: list[KeyToPath] | None = None
    optional: bool | None = None
    default_mode: Int | None = None


class SecretVolume(Shape):
    secret_name: str | None = None
    items: list[KeyToPath] | None = None
    optional: bool | None = None
    default_mode: Int | None = None


class EmptyDir(Shape):
    medium: str | None = None
    size_limit: Quantity | None = None


class HostPath(Shape):
    path: str | None = None
    type: str | None = None


class DownwardFile(Shape):
    path: str | None = None
    mode: Int | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None


class DownwardVolume(Shape):
    items: list[DownwardFile] | None = None
    default_mode: Int | None = None


class Projection(Shape):
    config_map: ConfigMapVolume | None = None
    secret: ConfigMapVolume | None = None  # named as a configMap is, not by secretName
    downward_api: DownwardVolume | None = msgspec.field(default=None, name="downwardAPI")


class ProjectedVolume(Shape):
    sources: list[Projection] | None = None
    default_mode: Int | None = None


class Volume(Shape):
    name: str | None = None
    downward_api: DownwardVolume | None = msgspec.field(default=None, name="downwardAPI")
    projected: ProjectedVolume | None = None
    empty_dir: EmptyDir | None = None
    host_path: HostPath | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None


class Toleration(Shape):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    toleration_seconds: Int | None = None


class Named(Shape):
    name: str | None = None


class PodSpec(Shape):
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    restart_policy: str | None = None
    termination_grace_period_seconds: Int | None = None
    active_deadline_seconds: Int | None = None
    dns_policy: str | None = None
    node_selector: Strings | None = None
    node_name: str | None = None
    service_account_name: str | None = None
    scheduler_name: str | None = None
    hostname: str | None = None
    subdomain: str | None = None
    host_network: bool | None = None
    affinity: Json | None = None
    tolerations: list[Toleration] | None = None
    priority: Int | None = None
    priority_class_name: str | None = None
    preemption_policy: str | None = None
    scheduling_gates: list[Named] | None = None
    image_pull_secrets: list[Named] | None = None
    security_context: Json | None = None
    overhead: Quantities | None = None


class Condition(Shape):
    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class ContainerStatus(Shape):
    name: str | None = None
    state: Json | None = None
    last_state: Json | None = None
    ready: bool | None = None
    restart_count: Int | None = None


class PodStatus(Shape):
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    start_time: str | None = None


class Pod(Plain):
    spec: PodSpec | None = None  # type: ignore[assignment]  # narrower than any object's
    status: PodStatus | None = None  # type: ignore[assignment]


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
    success_policy: Json | None = None
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


class AccessReview(Plain):
    pass


def as_shape(obj: Json, kind: Any) -> Json:
    """A copy of `obj` without nulls and with metadata, known to fit the kind's shape; else ApiError 400."""
    try:
        msgspec.convert(obj, kind.shape, dec_hook=_read)
    except msgspec.ValidationError as error:
        words = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}'
        raise bad_request(words) from None
    copied = _without_nulls(obj)
    copied.setdefault("metadata", {})
    return copied


def _read(wanted: type, value: Any) -> Any:
    """msgspec asks here about the types it does not know; a ValueError becomes its ValidationError."""
    if wanted is Quantity:
        parse(value)
        return Quantity()
    raise NotImplementedError(wanted)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
