"""The table of kinds. Routing, discovery, storage and rules all read it; nothing else knows a kind by name.

To serve one more kind, add a row. What a kind does differently is a hook of its row, written in
`localcluster.kinds`; a row without hooks behaves as any plain Kubernetes object does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.types import Receive, Scope, Send

from localcluster import portforward, remote, validation
from localcluster.kinds import (
    apps,
    core,
    cronjobs,
    definitions,
    jobs,
    pod_shapes,
    pods,
    priorities,
    reviews,
    shapes,
    statefulsets,
    storage,
)
from localcluster.kinds.shape import Plain
from localcluster.scaling import Scale
from localcluster.validation import Problems

if TYPE_CHECKING:
    from localcluster.doors import Door
    from localcluster.registry import Deletion, Registry

Obj = dict[str, Any]
Path = tuple[str, ...]
Stream = Callable[["Door", Obj, Scope, Receive, Send], Awaitable[None]]
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
STATUS_VERBS = ("get", "patch", "update")


def _nothing(*_: Any) -> None:
    return None


def _no_grace(obj: Obj, asked: int | None) -> int:
    return 0


@dataclass(frozen=True)
class Subresource:
    """A path below an object. An update there touches only the fields in `writes`; `post` answers a POST."""

    name: str
    kind: str = ""  # the kind of its body; "" means the parent's
    group: str = ""
    version: str = ""
    verbs: tuple[str, ...] = STATUS_VERBS
    writes: tuple[Path, ...] = ()
    post: Callable[[Registry, str, str, Obj, Deletion], Obj] | None = None
    scale: Scale | None = None  # it shows and takes the number of replicas, as a Scale
    stream: Stream | None = None  # a websocket to a pod: it speaks with whoever has asked for one


STREAM_VERBS = ("create", "get")
STATUS = Subresource("status", writes=(("status",),))
SCALE = Subresource("scale", "Scale", "autoscaling", "v1", scale=Scale())
PROXY_VERBS = ("create", "delete", "get", "patch", "update")  # carried out by `proxy`, listed for discovery


@dataclass(frozen=True)
class Kind:
    """One row: the names of a kind, how it is stored, and the hooks where it differs from a plain object.

    default(obj) fills absent fields; admit(registry, obj) sets or refuses a new object by what else there
    is; prepare(obj, old, now) sets what the server owns (old is None on a create); validate(obj, old,
    problems) checks both a new object and a change; grace(obj, asked) is the seconds an object lingers
    after its deletion is asked for; created(registry, obj) follows a create.
    """

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    shape: type[msgspec.Struct] = Plain
    schema: Obj | None = None  # what a definition says of its kind, beyond the shape of all of them
    columns: tuple[Obj, ...] = ()  # and how tables show it
    name_rule: Callable[[str], list[str]] = validation.dns_subdomain
    default: Callable[[Obj], None] = _nothing
    admit: Callable[[Registry, Obj], None] = _nothing
    prepare: Callable[[Obj, Obj | None, datetime], None] = _nothing
    validate: Callable[[Obj, Obj | None, Problems], None] = _nothing
    grace: Callable[[Obj, int | None], int] = _no_grace
    held: Callable[[Obj], bool] = lambda obj: False  # something besides finalizers keeps a deleted object
    undeletable: Callable[[Obj], str] = lambda obj: ""  # why this object may not be deleted; "" when it may
    created: Callable[[Registry, Obj], None] = _nothing
    stored: Callable[[Registry, Obj], None] = _nothing  # after each write of an object
    erased: Callable[[Registry, Obj], None] = _nothing  # after its end
    answer: Callable[[Obj], Obj] | None = None  # a kind that is only asked, never stored
    measure: Callable[[Door], Awaitable[list[Obj]]] | None = None  # a kind that the node measures when asked
    fields: Mapping[str, Callable[[Obj], str]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # merge keys by field name
    generation: bool = False
    status_on_create: bool = False
    returns_deleted: bool = False
    ttl_seconds: int = 0

    @property
    def key(self) -> str:
        """The resource key, "pods" or "jobs.batch"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def has_status(self) -> bool:
        return any(one.name == "status" for one in self.subresources)

    def subresource(self, name: str) -> Subresource | None:
        return next((one for one in self.subresources if one.name == name), None)

    def selectable(self) -> Mapping[str, Callable[[Obj], str]]:
        """Every field a field selector may name."""
        return {**self.fields, **(_METADATA_FIELDS if self.namespaced else {"metadata.name": _name})}


def _name(obj: Obj) -> str:
    return obj["metadata"]["name"]


_METADATA_FIELDS = {
    "metadata.name": _name,
    "metadata.namespace": lambda obj: obj["metadata"].get("namespace", ""),
}

KINDS: tuple[Kind, ...] = (
    Kind(
        "", "v1", "namespaces", "namespace", "Namespace", ("ns",), namespaced=False,
        subresources=(STATUS, Subresource("finalize", verbs=("update",), writes=(("spec", "finalizers"),))),
        name_rule=validation.dns_label, prepare=core.prepare_namespace, held=core.namespace_held,
        undeletable=core.namespace_undeletable, created=core.namespace_created, fields=core.NAMESPACE_FIELDS,
        returns_deleted=True,
    ),
    Kind(
        "", "v1", "nodes", "node", "Node", ("no",), namespaced=False,
        subresources=(STATUS, Subresource("proxy", "NodeProxyOptions", verbs=PROXY_VERBS)),
        shape=shapes.Node, validate=core.validate_node, fields=core.NODE_FIELDS, lists=core.NODE_LISTS,
        status_on_create=True,
    ),
    Kind(
        "", "v1", "pods", "pod", "Pod", ("po",), ("all",),
        subresources=(
            STATUS,
            Subresource("binding", "Binding", verbs=("create",), post=pods.bind,
                        writes=(("spec", "nodeName"), ("status", "conditions"))),
            Subresource("eviction", "Eviction", "policy", "v1", verbs=("create",), post=pods.evict),
            Subresource("log", verbs=("get",)),
            Subresource("attach", "PodAttachOptions", verbs=STREAM_VERBS, stream=remote.attach),
            Subresource("exec", "PodExecOptions", verbs=STREAM_VERBS, stream=remote.execute),
            Subresource("portforward", "PodPortForwardOptions", verbs=STREAM_VERBS,
                        stream=portforward.forward),
            Subresource("proxy", "PodProxyOptions", verbs=PROXY_VERBS),
        ),
        shape=pod_shapes.Pod, default=pods.default, admit=priorities.admit, prepare=pods.prepare,
        validate=pods.validate, grace=pods.grace, fields=pods.FIELDS, lists=pods.LISTS, generation=True,
        returns_deleted=True,
    ),
    Kind(
        "", "v1", "events", "event", "Event", ("ev",), shape=shapes.Event, validate=core.validate_event,
        fields=core.EVENT_FIELDS, ttl_seconds=3600,
    ),
    Kind(
        "", "v1", "configmaps", "configmap", "ConfigMap", ("cm",), shape=shapes.ConfigMap,
        validate=core.validate_config_map,
    ),
    Kind(
        "", "v1", "secrets", "secret", "Secret", shape=shapes.Secret, default=core.default_secret,
        prepare=core.prepare_secret, validate=core.validate_secret, fields=core.SECRET_FIELDS,
    ),
    Kind(
        "", "v1", "services", "service", "Service", ("svc",), ("all",), subresources=(STATUS,),
        shape=shapes.Service, name_rule=validation.dns_1035_label, default=core.default_service,
        prepare=core.prepare_service, validate=core.validate_service, fields=core.SERVICE_FIELDS,
        lists=core.SERVICE_LISTS, returns_deleted=True,
    ),
    Kind(
        "", "v1", "serviceaccounts", "serviceaccount", "ServiceAccount", ("sa",), shape=shapes.ServiceAccount,
        lists=core.SERVICE_ACCOUNT_LISTS, returns_deleted=True,
    ),
    Kind(
        "batch", "v1", "jobs", "job", "Job", categories=("all",), subresources=(STATUS,), shape=shapes.Job,
        default=jobs.default, prepare=jobs.prepare, validate=jobs.validate, fields=jobs.FIELDS,
        lists=pods.LISTS, generation=True,
    ),
    Kind(
        "batch", "v1", "cronjobs", "cronjob", "CronJob", ("cj",), ("all",), subresources=(STATUS,),
        shape=cronjobs.CronJob, default=cronjobs.default, prepare=apps.prepare, validate=cronjobs.validate,
        lists=pods.LISTS, generation=True,
    ),
    Kind(
        "apps", "v1", "replicasets", "replicaset", "ReplicaSet", ("rs",), ("all",),
        subresources=(STATUS, SCALE), shape=apps.ReplicaSet, default=apps.default,
        prepare=apps.prepare_replica_set, validate=apps.validate, fields=apps.FIELDS, lists=pods.LISTS,
        generation=True,
    ),
    Kind(
        "apps", "v1", "deployments", "deployment", "Deployment", ("deploy",), ("all",),
        subresources=(STATUS, SCALE), shape=apps.Deployment, default=apps.default_deployment,
        prepare=apps.prepare, validate=apps.validate_deployment, lists=pods.LISTS, generation=True,
    ),
    Kind(
        "apps", "v1", "statefulsets", "statefulset", "StatefulSet", ("sts",), ("all",),
        subresources=(STATUS, SCALE), shape=statefulsets.StatefulSet, default=statefulsets.default,
        prepare=apps.prepare_replica_set, validate=statefulsets.validate, lists=pods.LISTS, generation=True,
    ),
    Kind(
        "apps", "v1", "controllerrevisions", "controllerrevision", "ControllerRevision",
        shape=statefulsets.Revision, validate=statefulsets.validate_revision,
    ),
    Kind(
        "", "v1", "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", ("pvc",),
        subresources=(STATUS,), shape=storage.Claim, default=storage.default_claim, admit=storage.admit_claim,
        prepare=storage.prepare, validate=storage.validate_claim, lists=storage.LISTS, returns_deleted=True,
    ),
    Kind(
        "", "v1", "persistentvolumes", "persistentvolume", "PersistentVolume", ("pv",), namespaced=False,
        subresources=(STATUS,), shape=storage.Volume, default=storage.default_volume,
        admit=storage.admit_volume, prepare=storage.prepare, validate=storage.validate_volume,
        returns_deleted=True,
    ),
    Kind(
        "storage.k8s.io", "v1", "storageclasses", "storageclass", "StorageClass", ("sc",), namespaced=False,
        shape=storage.StorageClass, default=storage.default_class, validate=storage.validate_class,
        returns_deleted=True,
    ),
    Kind(
        "coordination.k8s.io", "v1", "leases", "lease", "Lease", shape=shapes.Lease,
        validate=core.validate_lease,
    ),
    Kind(
        "scheduling.k8s.io", "v1", "priorityclasses", "priorityclass", "PriorityClass", ("pc",),
        namespaced=False, shape=shapes.PriorityClass, default=priorities.default,
        validate=priorities.validate, generation=True, returns_deleted=True,
    ),
    Kind(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "customresourcedefinition",
        "CustomResourceDefinition", ("crd", "crds"), ("api-extensions",), namespaced=False,
        subresources=(STATUS,), shape=definitions.Definition, default=definitions.default,
        prepare=definitions.prepare, validate=definitions.validate, generation=True,
        stored=definitions.stored, erased=definitions.erased,
    ),
    Kind(
        "authentication.k8s.io", "v1", "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview",
        namespaced=False, verbs=("create",), answer=reviews.who_am_i,
    ),
    Kind(
        "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "selfsubjectaccessreview",
        "SelfSubjectAccessReview", namespaced=False, verbs=("create",), shape=reviews.AccessReview,
        answer=reviews.may_i,
    ),
    Kind(
        "authorization.k8s.io", "v1", "selfsubjectrulesreviews", "selfsubjectrulesreview",
        "SelfSubjectRulesReview", namespaced=False, verbs=("create",), shape=reviews.RulesReview,
        answer=reviews.what_may_i,
    ),
    Kind(
        "metrics.k8s.io", "v1beta1", "nodes", "", "NodeMetrics", namespaced=False, verbs=("get", "list"),
        measure=lambda door: door.node_metrics(),
    ),
    Kind(
        "metrics.k8s.io", "v1beta1", "pods", "", "PodMetrics", verbs=("get", "list"),
        measure=lambda door: door.pod_metrics(),
    ),
)  # fmt: skip

BY_KEY: dict[str, Kind] = {kind.key: kind for kind in KINDS}
BY_PATH: dict[tuple[str, str, str], Kind] = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
