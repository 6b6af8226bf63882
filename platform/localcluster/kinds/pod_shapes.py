"""The JSON types of a pod: spec, containers, probes, volumes, status. See `shapes`."""

from __future__ import annotations

import msgspec

from localcluster.kinds.shape import Int, IntOrString, Json, Plain, Quantities, Quantity, Shape, Strings


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


class ClaimVolume(Shape):
    claim_name: str | None = None
    read_only: bool | None = None


class Volume(Shape):
    name: str | None = None
    persistent_volume_claim: ClaimVolume | None = None
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
