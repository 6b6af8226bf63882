"""The fields Runyard reads of Kubernetes objects, as msgspec Structs decoded straight from bytes.

Everything else in an object is skipped by the decoder, which is why a list of 10,000 pods costs a
fraction of what the official client's models cost. Names are Kubernetes' own, in snake_case.
"""

from datetime import datetime
from typing import Any

import msgspec


class Struct(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """Base: camelCase on the wire, every field optional unless it must be there."""


class OwnerReference(Struct):
    kind: str
    name: str
    uid: str
    api_version: str = ""
    controller: bool = False


class Meta(Struct):
    name: str
    uid: str
    namespace: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    owner_references: list[OwnerReference] | None = None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, if any."""
        return next((ref for ref in self.owner_references or () if ref.controller), None)


class ManagedField(Struct):
    """Who last wrote some of an object's fields, and when; which ones is not read."""

    manager: str | None = ""
    subresource: str | None = ""
    time: datetime | None = None


class RootMeta(Meta):
    """What is read of a workload's own object alone: there are far fewer of them than of pods."""

    managed_fields: list[ManagedField] | None = None


class Condition(Struct):
    type: str
    status: str
    reason: str | None = ""
    message: str | None = ""
    last_transition_time: datetime | None = None


class Resources(Struct):
    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None


class Container(Struct):
    name: str
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    resources: Resources | None = None


class Waiting(Struct):
    reason: str | None = ""
    message: str | None = ""


class Running(Struct):
    started_at: datetime | None = None


class Terminated(Struct):
    exit_code: int = 0
    signal: int = 0
    reason: str | None = ""
    message: str | None = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Struct):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct):
    name: str
    ready: bool = False
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodSpec(Struct):
    node_name: str | None = ""
    containers: list[Container] = []
    init_containers: list[Container] | None = None
    scheduling_gates: list[dict[str, Any]] | None = None


class PodStatus(Struct):
    phase: str = "Pending"
    reason: str | None = ""
    message: str | None = ""
    start_time: datetime | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(Struct):
    metadata: Meta
    spec: PodSpec
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class TemplateMeta(Struct):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Claim(Struct):
    claim_name: str | None = ""


class Nfs(Struct):
    server: str | None = ""
    path: str | None = ""


class HostPath(Struct):
    path: str | None = ""


class Csi(Struct):
    driver: str | None = ""


class GitRepo(Struct):
    repository: str | None = ""


class ConfigMapVolume(Struct):
    name: str | None = ""


class SecretVolume(Struct):
    secret_name: str | None = ""


class Volume(Struct):
    """Of those that bring data into a pod; others have none of these."""

    persistent_volume_claim: Claim | None = None
    nfs: Nfs | None = None
    host_path: HostPath | None = None
    csi: Csi | None = None
    git_repo: GitRepo | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None


class TemplateSpec(PodSpec):
    """What is read of a template alone: there are far fewer of them than of pods."""

    volumes: list[Volume] | None = None
    priority_class_name: str | None = ""
    scheduler_name: str | None = ""
    subdomain: str | None = ""


class PodTemplate(Struct):
    spec: TemplateSpec
    metadata: TemplateMeta = msgspec.field(default_factory=TemplateMeta)


class JobSpec(Struct):
    template: PodTemplate
    completion_mode: str | None = ""
    parallelism: int | None = 1
    completions: int | None = None
    backoff_limit: int | None = 6
    suspend: bool | None = False


class JobStatus(Struct):
    conditions: list[Condition] | None = None
    active: int | None = 0
    ready: int | None = 0
    succeeded: int | None = 0
    failed: int | None = 0
    start_time: datetime | None = None
    completion_time: datetime | None = None


class Job(Struct):
    metadata: RootMeta
    spec: JobSpec
    status: JobStatus = msgspec.field(default_factory=JobStatus)


class ObjectReference(Struct):
    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""


class EventSource(Struct):
    component: str | None = ""
    host: str | None = ""


class EventSeries(Struct):
    count: int | None = 1
    last_observed_time: datetime | None = None


class Event(Struct):
    metadata: Meta
    involved_object: ObjectReference = msgspec.field(default_factory=ObjectReference)
    type: str | None = "Normal"
    reason: str | None = ""
    message: str | None = ""
    count: int | None = 1
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource | None = None
    reporting_component: str | None = ""


class NodeSpec(Struct):
    unschedulable: bool | None = False


class NodeStatus(Struct):
    capacity: dict[str, str | int | float] | None = None
    allocatable: dict[str, str | int | float] | None = None
    conditions: list[Condition] | None = None


class Node(Struct):
    metadata: Meta
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class ListMeta(Struct):
    resource_version: str = ""
    continue_: str | None = msgspec.field(default="", name="continue")


class Page(Struct):
    """One page of a list; items stay bytes, so that one odd object cannot spoil the rest."""

    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[msgspec.Raw] = []


class WatchLine(Struct):
    """One line of a watch stream."""

    type: str
    object: msgspec.Raw


class Status(Struct):
    """Kubernetes' error object."""

    code: int = 0
    reason: str | None = ""
    message: str | None = ""


class OnlyMeta(Struct):
    """What any object says of itself."""

    metadata: Meta


class Identity(Struct):
    uid: str
    resource_version: str = ""


class OnlyIdentity(Struct):
    """Just enough of any object to name it, whatever else of it does not decode, or matters."""

    metadata: Identity


class BookmarkMeta(Struct):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Bookmark(Struct):
    metadata: BookmarkMeta


def conditions(status: JobStatus | PodStatus | NodeStatus) -> dict[str, Condition]:
    """Conditions by type."""
    return {condition.type: condition for condition in status.conditions or ()}
