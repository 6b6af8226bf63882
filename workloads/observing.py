"""What was observed on a cluster becomes rows: one batch, one transaction, only what really changed.

`observe` is idempotent: the same observation twice writes nothing the second time. Observations of one
object come in the order in which they were made; `runyard.sync` sees to that and to who may write.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from runyard.clusters import objects
from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.tenancy.models import Project
from workloads import transitions
from workloads.kinds import BY_RESOURCE
from workloads.models import Event, PhaseChange, Pod, Workload
from workloads.reading import event_fields, pod_fields, workload_fields
from workloads.spec import KEY_LABEL
from workloads.status import Desired

_POD_COLUMNS = tuple(
    f.attname for f in Pod._meta.concrete_fields if f.attname not in ("id", "cluster_id", "uid")
)
_EVENT_COLUMNS = tuple(
    f.attname for f in Event._meta.concrete_fields if f.attname not in ("id", "cluster_id", "uid")
)
_ROOT_COLUMNS = (
    "uid", "resource_version", "desired", "suspended", "terminal", "terminal_reason", "terminal_message",
    "terminating_at", "finalizers", "image", "gpu_millis", "cpu_millis", "memory_bytes", "pods_requested",
    "completed_at", "created_at", "deleted_at", "version", *transitions.SETTLED,
)  # fmt: skip


@dataclass
class Batch:
    """The rows a batch of observations touches, in memory; written once at its end."""

    cluster: Cluster
    now: datetime
    by_uid: dict[str, Workload] = field(default_factory=dict)
    by_key: dict[str, Workload] = field(default_factory=dict)
    by_name: dict[tuple[str, str, str], Workload] = field(default_factory=dict)  # live, on the cluster
    pods: dict[str, Pod] = field(default_factory=dict)
    pods_of: dict[str, dict[str, Pod]] = field(default_factory=lambda: defaultdict(dict))
    new: list[Workload] = field(default_factory=list)
    touched: dict[str, Workload] = field(default_factory=dict)  # by workload uid
    changed_pods: dict[str, Pod] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    changes: list[PhaseChange] = field(default_factory=list)
    projects: dict[str, Project] = field(default_factory=dict)


def observe(cluster: Cluster, seen: Sequence[Seen]) -> int:
    """Write what `seen` changes; call inside a transaction. Returns the number of workloads changed."""
    batch = _load(cluster, seen)
    for one in seen:
        if one.resource == "pods":
            _pod(batch, one)
        elif one.resource == "events":
            _event(batch, one)
        elif one.resource in BY_RESOURCE:
            _root(batch, one)
    return _write(batch)


def _load(cluster: Cluster, seen: Sequence[Seen]) -> Batch:
    roots = {s.uid for s in seen if s.resource in BY_RESOURCE}
    pods = {s.uid for s in seen if s.resource == "pods"}
    owners = {
        c.uid for s in seen if s.resource == "pods" and s.object and (c := s.object.metadata.controller)
    }
    keys = {k for s in seen if s.resource in BY_RESOURCE and s.object and (k := _key(s.object))}
    batch = Batch(cluster, timezone.now(), projects={p.namespace: p for p in Project.objects.all()})
    known = Pod.objects.filter(cluster=cluster, uid__in=pods).values_list("workload_id", flat=True)
    wanted = Q(uid__in=roots | owners) | Q(pk__in=[pk for pk in known if pk])
    names = {s.object.metadata.name for s in seen if s.resource in BY_RESOURCE and s.object}
    wanted |= Q(uid=None, key__in=keys) | Q(deleted_at=None, name__in=names)
    for workload in Workload.objects.select_for_update().filter(wanted, cluster=cluster).order_by("pk"):
        batch.by_key[str(workload.key)] = workload
        if workload.uid:
            batch.by_uid[workload.uid] = workload
            if not workload.deleted_at:
                batch.by_name[_name(workload.kind, workload)] = workload
    rows = Pod.objects.filter(cluster=cluster).filter(
        Q(uid__in=pods) | Q(owner_uid__in=roots) | Q(workload__in=batch.by_key.values())
    )
    owner_of = {w.pk: uid for uid, w in batch.by_uid.items()}
    for pod in rows:
        batch.pods[pod.uid] = pod
        batch.pods_of[owner_of.get(pod.workload_id or 0, pod.owner_uid)][pod.uid] = pod
    return batch


def _key(root: Any) -> str:
    """Our own key on a root object, if it has the form of one: labels are anybody's to write."""
    key = (root.metadata.labels or {}).get(KEY_LABEL, "")
    return key if len(key) == 36 and key.count("-") == 4 and set(key) <= set("0123456789abcdef-") else ""


def _root(batch: Batch, seen: Seen) -> None:
    workload = batch.by_uid.get(seen.uid)
    if seen.object is None:
        if workload is not None and workload.deleted_at is None:
            workload.deleted_at, workload.desired = batch.now, Desired.DELETED
            for pod in batch.pods_of[seen.uid].values():
                _pod_gone(batch, pod)
            _settle(batch, workload)
        return
    fields = workload_fields(BY_RESOURCE[seen.resource], seen.object)
    workload = workload or _bind(batch, seen) or _discover(batch, seen)
    if workload.resource_version == fields["resource_version"] or workload.deleted_at:
        return
    if workload.suspended != fields["suspended"] and workload.desired != Desired.DELETED:
        workload.desired = Desired.STOPPED if fields["suspended"] else Desired.RUNNING
    _assign(workload, fields)
    _settle(batch, workload)


def _bind(batch: Batch, seen: Seen) -> Workload | None:
    """Our own submission that this object answers: same key, namespace, kind and name, not bound yet."""
    meta, kind = seen.object.metadata, BY_RESOURCE[seen.resource].name
    workload = batch.by_key.get(_key(seen.object))
    if workload is None or workload.uid is not None:
        return None
    if (workload.namespace, workload.kind, workload.name) != (meta.namespace, kind, meta.name):
        return None
    workload.uid, workload.resource_version = seen.uid, ""
    batch.by_uid[seen.uid] = batch.by_name[_name(kind, workload)] = workload
    return workload


def _discover(batch: Batch, seen: Seen) -> Workload:
    """A workload that somebody submitted past us."""
    meta, kind = seen.object.metadata, BY_RESOURCE[seen.resource].name
    _retire_namesake(batch, seen)
    workload = Workload(
        cluster=batch.cluster,
        project=batch.projects.get(meta.namespace),
        kind=kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=seen.uid,
        created_at=meta.creation_timestamp or batch.now,
    )
    batch.by_uid[seen.uid] = batch.by_name[_name(kind, workload)] = workload
    batch.new.append(workload)
    return workload


def _retire_namesake(batch: Batch, seen: Seen) -> None:
    """A name lives once: an older uid under it is gone, though nobody told us."""
    older = batch.by_name.get(_name(BY_RESOURCE[seen.resource].name, seen.object.metadata))
    if older is not None and older.uid != seen.uid:
        _root(batch, Seen(seen.resource, older.uid or ""))


def _name(kind: str, thing: Workload | objects.Meta) -> tuple[str, str, str]:
    return kind, thing.namespace, thing.name


def _pod(batch: Batch, seen: Seen) -> None:
    pod = batch.pods.get(seen.uid)
    if seen.object is None:
        if pod is not None and pod.gone_at is None:
            _pod_gone(batch, pod)
            _settle_owner(batch, pod)
        return
    fields = pod_fields(seen.object)
    if pod is None:
        pod = batch.pods[seen.uid] = Pod(cluster=batch.cluster, uid=seen.uid)
    elif pod.resource_version == fields["resource_version"] or pod.gone_at:
        return
    _assign(pod, fields)
    batch.changed_pods[pod.uid] = pod
    batch.pods_of[pod.owner_uid][pod.uid] = pod
    _settle_owner(batch, pod)


def _pod_gone(batch: Batch, pod: Pod) -> None:
    pod.gone_at = pod.gone_at or batch.now
    batch.changed_pods[pod.uid] = pod


def _settle_owner(batch: Batch, pod: Pod) -> None:
    workload = batch.by_uid.get(pod.owner_uid)
    if workload is not None and workload.deleted_at is None:
        _settle(batch, workload)


def _settle(batch: Batch, workload: Workload) -> None:
    pods = list(batch.pods_of[workload.uid or ""].values())
    change = transitions.settle(workload, pods, batch.now)
    if change:
        batch.changes.append(change)
    batch.touched[workload.uid or ""] = workload


def _event(batch: Batch, seen: Seen) -> None:
    if seen.object is None:
        return  # the cluster forgets events after an hour; we do not
    fields = event_fields(seen.object)
    fields["first_at"] = fields["first_at"] or batch.now
    fields["last_at"] = fields["last_at"] or fields["first_at"]
    batch.events[seen.uid] = Event(cluster=batch.cluster, uid=seen.uid, **fields)


def _assign(row: Any, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _write(batch: Batch) -> int:
    old = [w for w in batch.touched.values() if w.pk]
    for workload in batch.touched.values():
        workload.version += 1
    Workload.objects.bulk_update(old, _ROOT_COLUMNS, batch_size=500)
    Workload.objects.bulk_create(batch.new, batch_size=500)
    _write_pods(batch)
    PhaseChange.objects.bulk_create(batch.changes, batch_size=500)
    changed = list(batch.touched.values()) + _write_events(batch)
    transitions.announce(changed)
    return len(batch.touched)


def _write_pods(batch: Batch) -> None:
    for pod in batch.changed_pods.values():
        owner = batch.by_uid.get(pod.owner_uid)
        if owner is not None:
            pod.workload_id = owner.pk
    for workload in batch.new:  # pods that came before their owner
        for pod in batch.pods_of[workload.uid or ""].values():
            pod.workload_id = workload.pk
            batch.changed_pods[pod.uid] = pod
    Pod.objects.bulk_create(
        batch.changed_pods.values(),
        update_conflicts=True,
        unique_fields=["cluster", "uid"],
        update_fields=_POD_COLUMNS,
        batch_size=500,
    )
    _adopt_events(batch)


def _adopt_events(batch: Batch) -> None:
    """Events that came before the pod or workload they are about."""
    owners: dict[int, list[str]] = defaultdict(list)
    for workload in batch.new:
        owners[workload.pk].append(workload.uid or "")
    for pod in batch.changed_pods.values():
        if pod.workload_id:
            owners[pod.workload_id].append(pod.uid)
    if not owners:
        return
    about_all = [uid for found in owners.values() for uid in found]
    orphaned = Event.objects.filter(cluster=batch.cluster, workload=None)
    orphans = set(orphaned.filter(regarding_uid__in=about_all).values_list("regarding_uid", flat=True))
    for pk, about in owners.items():
        mine = orphans.intersection(about)
        if mine:
            orphaned.filter(regarding_uid__in=mine).update(workload=pk)


def _write_events(batch: Batch) -> list[Workload]:
    """Write the events that are new or newer; the workloads they are about."""
    if not batch.events:
        return []
    rows = Event.objects.filter(cluster=batch.cluster, uid__in=batch.events)
    have = dict(rows.values_list("uid", "resource_version"))
    fresh = [e for e in batch.events.values() if have.get(e.uid) != e.resource_version]
    owners = _owners(batch, {event.regarding_uid for event in fresh})
    for event in fresh:
        event.workload_id = owners.get(event.regarding_uid)
    Event.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["cluster", "uid"],
        update_fields=_EVENT_COLUMNS,
        batch_size=500,
    )
    about = {event.workload_id for event in fresh if event.workload_id}
    about -= {workload.pk for workload in batch.touched.values()}
    return list(Workload.objects.filter(pk__in=about).only("pk", "project_id", "version"))


def _owners(batch: Batch, uids: Iterable[str]) -> dict[str, int]:
    """The workload each uid (of a root or a pod) belongs to."""
    pods = Pod.objects.filter(cluster=batch.cluster, uid__in=uids).exclude(workload=None)
    roots = Workload.objects.filter(cluster=batch.cluster, uid__in=uids)
    rows = [*pods.values_list("uid", "workload_id"), *roots.values_list("uid", "pk")]
    return {uid: pk for uid, pk in rows if uid and pk}
