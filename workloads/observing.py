"""What was observed on a cluster becomes rows: one batch, one transaction, only what really changed.

`observe` is idempotent: the same observation twice writes nothing the second time. Observations of one
object come in the order in which they were made; `runyard.sync` sees to that and to who may write.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from runyard.clusters import objects
from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.kit.compiled import compiled
from runyard.kit.loading import fresh, load
from runyard.kit.writing import insert_rows, write_changes, write_columns
from runyard.tenancy.models import Project
from workloads import node_pools, observing_changes, observing_events, transitions
from workloads.fit import Room
from workloads.kinds import BY_RESOURCE, KINDS, kind_of
from workloads.models import Event, PhaseChange, Pod, SpecChange, Workload
from workloads.queueing import guarantees
from workloads.queueing.entries import Entries
from workloads.queueing.saying import is_switched, summed
from workloads.queueing.schedulers import KAI, SCHEDULERS, is_queued
from workloads.reading import news_of, pod_fields, workload_fields
from workloads.spec import KEY_LABEL
from workloads.status import Desired

_CONFIRMED = {"resource_version"}  # all that changes of an object that says what it said before
_SUBMITTED = ("spec", "manifest")  # what no observation changes; of no use here, and large
#: Namespace and uid: what lives elsewhere may name any uid as its owner, and owns nothing by it.
Owner = tuple[str, str]


@dataclass
class Batch:
    """The rows a batch of observations touches, in memory; written once at its end."""

    cluster: Cluster
    now: datetime
    entries: Entries
    pods_seen: set[str]
    owners_seen: set[str]  # uids of roots that were observed, or whose pods were
    projects: dict[str, int]  # namespace -> key
    by_uid: dict[str, Workload] = field(default_factory=dict)
    by_key: dict[str, Workload] = field(default_factory=dict)  # submissions that no object answers yet
    by_name: dict[tuple[str, str, str], Workload] = field(default_factory=dict)  # live, on the cluster
    new: list[Workload] = field(default_factory=list)
    touched: dict[str, Workload] = field(default_factory=dict)  # by workload uid
    unsettled: dict[str, Workload] = field(default_factory=dict)  # some of their pods said something; by uid
    looked_at: set[str] = field(default_factory=set)  # uids of pods
    confirmed: dict[str, Workload] = field(default_factory=dict)  # nothing new but their version; by uid
    changed_pods: dict[str, Pod] = field(default_factory=dict)
    confirmed_pods: dict[str, Pod] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    changes: list[tuple[Workload, PhaseChange]] = field(default_factory=list)
    spec_changes: list[SpecChange] = field(default_factory=list)
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        self.room = Room(self.cluster.pk)

    def is_first_look(self, seen: Seen) -> bool:
        """Whether it tells of a pod that is there, and of which nothing was told yet: asked once of each."""
        if seen.resource != "pods" or seen.object is None or seen.uid in self.looked_at:
            return False
        self.looked_at.add(seen.uid)
        return True

    @cached_property
    def pods(self) -> dict[str, Pod]:
        """Those observed and all of the workloads, by uid; read only where something asks for one."""
        mine = Pod.objects.filter(cluster=self.cluster)
        found = load(mine.filter(owner_uid__among=self.owners_seen | self.by_uid.keys()))
        if others := self.pods_seen - {pod.uid for pod in found}:
            found += load(mine.filter(uid__among=others))
        return {pod.uid: pod for pod in found}

    @cached_property
    def queues(self) -> frozenset[str]:
        """The names of KAI's; read only where KAI speaks of a workload."""
        return guarantees.known(self.cluster)

    @cached_property
    def pods_of(self) -> dict[Owner, dict[str, Pod]]:
        """`pods` by what they name as their owner, in their own namespace."""
        found: dict[Owner, dict[str, Pod]] = defaultdict(dict)
        for pod in self.pods.values():
            found[pod.namespace, pod.owner_uid][pod.uid] = pod
        return found


def observe(cluster: Cluster, seen: Sequence[Seen]) -> int:
    """Write what `seen` changes; call inside a transaction. Returns the number of workloads changed."""
    batch = _load(cluster, seen)
    for one in seen:
        if not batch.is_first_look(one):
            _settle_unsettled(batch)
        if one.resource == "pods":
            _pod(batch, one)
        elif one.resource == "events":
            if one.object is not None:  # the cluster forgets events after an hour; we do not
                batch.events[one.uid] = observing_events.read(cluster, one, batch.now)
        elif one.resource in SCHEDULERS:
            for place in batch.entries.take(one, batch.now):
                _requeue(batch, _workload_at(batch, place))
        elif one.resource in BY_RESOURCE:
            _root(batch, one)
    _settle_unsettled(batch)
    return _write(batch)


def _load(cluster: Cluster, seen: Sequence[Seen]) -> Batch:
    roots = {s.uid for s in seen if s.resource in BY_RESOURCE}
    pods = [s for s in seen if s.resource == "pods"]
    owners = {c.uid for s in pods if s.object and (c := s.object.metadata.controller)}
    projects, entries = dict(_projects()), Entries(cluster, seen)
    batch = Batch(cluster, timezone.now(), entries, {s.uid for s in pods}, roots | owners, projects)
    touched = Q(uid__among=batch.owners_seen) | Q(pk__among=_others(batch, seen) | entries.touched())
    rows = Workload.objects.filter(touched, cluster=cluster).select_for_update(no_key=True)
    for workload in load(rows.order_by("pk"), without=_SUBMITTED):  # locked in one order
        if workload.uid is None:
            batch.by_key[str(workload.key)] = workload
        else:
            batch.by_uid[workload.uid] = workload
            if not workload.deleted_at:
                batch.by_name[_name(workload.kind, workload)] = workload
    new_pods = batch.pods_seen - batch.pods.keys() if batch.pods_seen else set()
    locked = {row.pk for row in (*batch.by_uid.values(), *batch.by_key.values())}
    entries.load(locked, (roots - batch.by_uid.keys()) | new_pods)
    return batch


@compiled()
def _projects() -> QuerySet[Project, Any]:
    return Project.objects.order_by().values_list("namespace", "pk")


def _others(batch: Batch, seen: Sequence[Seen]) -> set[int]:
    """The keys of the workloads that `seen` may touch though it does not name their uids."""
    mine = Workload.objects.filter(cluster=batch.cluster)
    roots = {s.uid: s.object for s in seen if s.resource in BY_RESOURCE and s.object is not None}
    known = set(mine.filter(uid__among=roots).values_list("uid", flat=True)) if roots else set()
    unknown = [root for uid, root in roots.items() if uid not in known]
    gone = {s.uid for s in seen if s.resource == "pods" and s.object is None}
    left = Pod.objects.filter(cluster=batch.cluster, uid__among=gone).exclude(workload=None)
    return {
        *(left.values_list("workload_id", flat=True) if gone else ()),
        *(mine.filter(_theirs(unknown)).values_list("pk", flat=True) if unknown else ()),
    }


def _theirs(unknown: Sequence[Any]) -> Q:
    """Our submissions that these objects may answer, and the live rows whose names they may have taken."""
    metas = [root.metadata for root in unknown]
    places = {"namespace__in": {meta.namespace for meta in metas}, "name__in": {meta.name for meta in metas}}
    return Q(uid=None, key__in={key for root in unknown if (key := _key(root))}) | Q(
        deleted_at=None, uid__isnull=False, kind__in=KINDS, **places
    )


def _key(root: Any) -> str:
    """Our own key on a root object, if it has the form of one: labels are anybody's to write."""
    key = (root.metadata.labels or {}).get(KEY_LABEL, "")
    return key if len(key) == 36 and key.count("-") == 4 and set(key) <= set("0123456789abcdef-") else ""


def _root(batch: Batch, seen: Seen) -> None:
    workload = batch.by_uid.get(seen.uid)
    if seen.object is None:
        if workload is not None and workload.deleted_at is None:
            workload.deleted_at, workload.desired = batch.now, Desired.DELETED
            for pod in batch.pods_of[workload.namespace, seen.uid].values():
                _pod_gone(batch, pod)
            _settle(batch, workload)
        return
    fields = workload_fields(kind_of(seen.resource, seen.object.metadata.labels), seen.object)
    workload = workload or _bind(batch, seen) or _discover(batch, seen)
    if workload.resource_version == fields["resource_version"] or workload.deleted_at:
        return
    if (
        workload.suspended != fields["suspended"]
        and workload.desired != Desired.DELETED
        and not _is_by_queue(workload, fields)
    ):
        workload.desired = Desired.STOPPED if fields["suspended"] else Desired.RUNNING
    news = news_of(workload, fields)
    if _is_confirmed(batch, workload, news):
        _assign(workload, news)
        batch.confirmed[seen.uid] = workload
        return
    batch.spec_changes += observing_changes.changes(workload, news, seen.object.metadata, batch.now)
    _assign(workload, news)
    if workload.project_id is None:  # the project may be younger than the workload
        workload.project_id = batch.projects.get(workload.namespace)
    if batch.entries.of(workload.namespace, [seen.uid]):
        _sum_up(batch, workload)
    _settle(batch, workload)


def _is_confirmed(batch: Batch, workload: Workload, news: Mapping[str, Any]) -> bool:
    """Whether its object, seen before, says nothing new: it is written whenever one of its pods changes."""
    return (
        workload.resource_version != ""
        and news.keys() <= _CONFIRMED
        and (workload.project_id is not None or workload.namespace not in batch.projects)
    )


def _is_by_queue(workload: Workload, fields: dict[str, Any]) -> bool:
    """Whether Kueue suspends or resumes it, and no person: it holds it, or is asked to by its label."""
    return is_switched(workload.queueing) or (fields["suspended"] and is_queued(fields["labels"]))


def _requeue(batch: Batch, workload: Workload | None) -> None:
    """A scheduler says something else of `workload`."""
    if workload is not None and workload.deleted_at is None and _sum_up(batch, workload):
        _settle(batch, workload)


def _sum_up(batch: Batch, workload: Workload) -> bool:
    """Have the row say what schedulers say of it; whether that is something else."""
    uids = [workload.uid or "", *batch.pods_of[workload.namespace, workload.uid or ""]]
    entries, before = batch.entries.of(workload.namespace, uids), workload.queueing
    workload.queueing = summed(
        entries, batch.queues if any(one.resource == KAI.resource for one in entries) else ()
    )
    active = workload.queueing.get("active")
    if active is not None and active != before.get("active") and workload.desired != Desired.DELETED:
        workload.desired = Desired.RUNNING if active else Desired.STOPPED
    return before != workload.queueing


def _workload_at(batch: Batch, place: Owner) -> Workload | None:
    """What a scheduler's object speaks for, by the uid of a root or a pod in its own namespace."""
    namespace, uid = place
    if uid in batch.pods and batch.pods[uid].namespace == namespace:
        return _owner(batch, batch.pods[uid])
    workload = batch.by_uid.get(uid)
    return workload if workload is not None and workload.namespace == namespace else None


def _bind(batch: Batch, seen: Seen) -> Workload | None:
    """Our own submission that this object answers: same key, namespace, kind and name, not bound yet."""
    meta, kind = seen.object.metadata, _kind(seen)
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
    meta, kind = seen.object.metadata, _kind(seen)
    _retire_namesake(batch, seen)
    workload = fresh(
        Workload,
        cluster_id=batch.cluster.pk,
        project_id=batch.projects.get(meta.namespace),
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
    older = batch.by_name.get(_name(_kind(seen), seen.object.metadata))
    if older is not None and older.uid != seen.uid:
        _root(batch, Seen(seen.resource, older.uid or ""))


def _kind(seen: Seen) -> str:
    return kind_of(seen.resource, seen.object.metadata.labels).name


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
        pod = batch.pods[seen.uid] = fresh(Pod, cluster_id=batch.cluster.pk, uid=seen.uid)
    elif pod.gone_at and (owner := _owner(batch, pod)) is not None and owner.deleted_at:
        return  # it went with its workload, and takes its time
    elif pod.resource_version == fields["resource_version"] and not pod.gone_at:
        return
    news = news_of(pod, fields)
    if pod.id and not pod.gone_at and news.keys() <= _CONFIRMED:
        _assign(pod, news)
        batch.confirmed_pods[pod.uid] = pod
        return
    batch.changed_pods[pod.uid] = pod
    pod.gone_at = None  # a cluster that was set back to a backup has it again
    _assign(pod, news)
    batch.pods_of[pod.namespace, pod.owner_uid][pod.uid] = pod
    if batch.entries.of(pod.namespace, [pod.uid]) and (owner := _owner(batch, pod)) is not None:
        _sum_up(batch, owner)
    _settle_owner(batch, pod)


def _pod_gone(batch: Batch, pod: Pod) -> None:
    pod.gone_at = pod.gone_at or batch.now
    batch.changed_pods[pod.uid] = pod


def _owner(batch: Batch, pod: Pod) -> Workload | None:
    """Its workload; one of another namespace is none, whatever the pod says."""
    workload = batch.by_uid.get(pod.owner_uid)
    return workload if workload is not None and workload.namespace == pod.namespace else None


def _settle_owner(batch: Batch, pod: Pod) -> None:
    workload = _owner(batch, pod)
    if workload is not None and workload.deleted_at is None:
        batch.unsettled[workload.uid or ""] = workload


def _settle_unsettled(batch: Batch) -> None:
    """Before anything is told that may hide what pods said: a list tells a workload's one after another."""
    for workload in batch.unsettled.values():
        _settle(batch, workload)
    batch.unsettled.clear()


def _settle(batch: Batch, workload: Workload) -> None:
    pods = list(batch.pods_of[workload.namespace, workload.uid or ""].values())
    changes = transitions.settle(workload, pods, batch.now, batch.room)
    batch.changes += [(workload, change) for change in changes]
    batch.touched[workload.uid or ""] = workload


def _assign(row: Model, news: dict[str, Any]) -> None:
    vars(row).update(news)  # plain columns, and many of them: not one by one


def _write(batch: Batch) -> int:
    old = [w for w in batch.touched.values() if w.id]
    node_pools.place(batch.cluster, batch.touched.values())
    guarantees.place(batch.cluster, batch.touched.values())
    for workload in batch.touched.values():
        workload.version, workload.changed_at = workload.version + 1, batch.now
    write_changes(old)
    _write_versions(batch.confirmed, batch.touched)
    insert_rows(batch.new)
    places = _write_pods(batch) | batch.entries.write(partial(_workload_at, batch))
    for workload, change in batch.changes:  # made before their workloads had keys
        change.workload_id = workload.id
    insert_rows([change for _, change in batch.changes])
    SpecChange.objects.bulk_create(batch.spec_changes, batch_size=500)
    if places:
        observing_events.adopt(batch.cluster, places)
    about = observing_events.write(batch.cluster, (batch.events | batch.entries.events).values())
    others = about - {workload.id for workload in batch.touched.values()}
    others_rows = Workload.objects.filter(pk__in=others).only("pk", "project_id", "version") if others else []
    transitions.announce([*batch.touched.values(), *others_rows])
    return len(batch.touched)


def _write_pods(batch: Batch) -> dict[observing_events.Place, int]:
    """Write the pods that changed; where each new workload is, and each pod that has one now, and which."""
    for workload in batch.new:  # pods that came before their owner
        batch.changed_pods.update(batch.pods_of[workload.namespace, workload.uid or ""])
    places = {(w.namespace, w.uid or ""): w.id for w in batch.new}
    for pod in batch.changed_pods.values():
        owner = _owner(batch, pod)
        if owner is not None and pod.workload_id != owner.id:
            pod.workload_id = places[pod.namespace, pod.uid] = owner.id
    changed = batch.changed_pods.values()
    write_changes([pod for pod in changed if pod.id])
    _write_versions(batch.confirmed_pods, batch.changed_pods)
    insert_rows([pod for pod in changed if not pod.id])
    return places


def _write_versions(confirmed: Mapping[str, Model], written: Collection[str]) -> None:
    """Of those that are not written anyway; both by uid."""
    write_columns([row for uid, row in confirmed.items() if uid not in written], ["resource_version"])
