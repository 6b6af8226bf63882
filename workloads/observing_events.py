"""Cluster events become rows and find their workloads; used by `observing` alone.

An event belongs to the workload whose root, pod or pod group it is about, in its own namespace: whoever may
write events in one namespace says nothing about another.
"""

import re
from collections.abc import Collection
from datetime import datetime

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.kit.writing import write_columns
from workloads import folding, refusals
from workloads.models import Event, Pod, QueueEntry, Workload
from workloads.queueing.schedulers import SCHEDULERS
from workloads.reading import event_fields

#: Namespace and uid of a root or a pod.
Place = tuple[str, str]
#: KAI names a group `pg-NAME-UID`, Volcano that of a plain Job `podgroup-UID`.
_GROUP_OF = re.compile(r"-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_KINDS = frozenset(scheduler.kind for scheduler in SCHEDULERS.values())
_FOLD = ("total", "since", "until")  # what of a fold grows
#: What a newer version of an event may say otherwise.
_SAID = [
    f for f in Event._meta.concrete_fields if f.name not in ("id", "cluster", "uid", "folded_into", *_FOLD)
]


def read(cluster: Cluster, seen: Seen, now: datetime) -> Event:
    """The row of an event, not yet of a workload."""
    fields = event_fields(seen.object)
    fields["first_at"] = fields["first_at"] or now
    fields["last_at"] = fields["last_at"] or fields["first_at"]
    return Event(cluster=cluster, uid=seen.uid, **fields)


def write(cluster: Cluster, events: Collection[Event]) -> set[int]:
    """Write those that are new or newer; the workloads they are about."""
    if not events:
        return set()
    rows = Event.objects.filter(cluster=cluster, uid__in=[event.uid for event in events])
    have = {row.uid: row for row in rows.select_related("folded_into")}
    fresh = [e for e in events if e.uid not in have or have[e.uid].resource_version != e.resource_version]
    owners = _owners(cluster, {_about(event) for event in fresh}) | _spoken_for(cluster, fresh)
    for event in fresh:
        places = ((event.namespace, uid) for uid in (event.regarding_uid, _about(event)))
        event.workload_id = next((owners[place] for place in places if place in owners), None)
    _renew({event.uid: event for event in fresh}, have)
    _add([event for event in fresh if event.uid not in have], cluster)
    refusals.tell(fresh)
    return {event.workload_id for event in fresh if event.workload_id}


def _renew(newer: dict[str, Event], have: dict[str, Event]) -> None:
    """Events the cluster says more of by now: its count grows, and with it the fold's."""
    heads = {row.pk: row for row in have.values() if row.folded_into_id is None}
    changed: dict[int, Event] = {}
    for uid, row in have.items():
        if uid not in newer:
            continue
        event, head = newer[uid], row
        if row.folded_into is not None:
            head = heads.setdefault(row.folded_into.pk, row.folded_into)
        folding.grow(head, event, event.count - row.count)
        event.workload_id = event.workload_id or row.workload_id
        for field in _SAID:
            setattr(row, field.attname, getattr(event, field.attname))
        changed |= {row.pk: row, head.pk: head}
    write_columns(list(changed.values()), [*(field.name for field in _SAID), *_FOLD])


def _add(new: list[Event], cluster: Cluster) -> None:
    """Write new events, each that repeats one of the hour before folded into that."""
    if not new:
        return
    earliest = min(event.first_at for event in new) - folding.WINDOW
    heads = Event.objects.filter(
        cluster=cluster,
        folded_into=None,
        until__gte=earliest,
        regarding_uid__in={event.regarding_uid for event in new},
        message__in={event.message for event in new},
    )
    grown = folding.fold(new, heads)
    write_columns([head for head in grown if head.pk], _FOLD)
    Event.objects.bulk_create([event for event in new if event.folded_into is None], batch_size=500)
    Event.objects.bulk_create([event for event in new if event.folded_into is not None], batch_size=500)


def adopt(cluster: Cluster, places: dict[Place, int]) -> None:
    """Give events that came before what they are about to its workload."""
    orphans = Event.objects.filter(
        cluster=cluster, workload=None, regarding_uid__among=[uid for _, uid in places]
    )
    found = [event for event in orphans if (event.namespace, event.regarding_uid) in places]
    for event in found:
        event.workload_id = places[event.namespace, event.regarding_uid]
    Event.objects.bulk_update(found, ["workload"], batch_size=500)
    refusals.tell(found)


def _about(event: Event) -> str:
    """The uid it is about. A PodGroup speaks for the root it was made of, whose uid ends its name."""
    group = _GROUP_OF.search(event.regarding_name) if event.regarding_kind == "PodGroup" else None
    return group[1] if group else event.regarding_uid


def _owners(cluster: Cluster, uids: set[str]) -> dict[Place, int]:
    """The workload of each root and pod with one of these uids."""
    pods = Pod.objects.filter(cluster=cluster, uid__among=uids).exclude(workload=None)
    roots = Workload.objects.filter(cluster=cluster, uid__among=uids)
    rows = [
        *pods.values_list("namespace", "uid", "workload_id"),
        *roots.values_list("namespace", "uid", "pk"),
    ]
    return {(namespace, uid): pk for namespace, uid, pk in rows if uid and pk}


def _spoken_for(cluster: Cluster, events: Collection[Event]) -> dict[Place, int]:
    """The workload of each scheduler's own object that `events` are about."""
    uids = {event.regarding_uid for event in events if event.regarding_kind in _KINDS}
    if not uids:
        return {}
    rows = QueueEntry.objects.filter(cluster=cluster, uid__among=uids).exclude(workload=None)
    return {
        (namespace, uid): pk for namespace, uid, pk in rows.values_list("namespace", "uid", "workload_id")
    }
