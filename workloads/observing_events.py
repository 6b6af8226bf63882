"""Cluster events become rows and find their workloads; used by `observing` alone.

An event belongs to the workload whose root or pod it is about, in its own namespace: whoever may write
events in one namespace says nothing about another.
"""

from collections.abc import Collection
from datetime import datetime

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from workloads.models import Event, Pod, Workload
from workloads.reading import event_fields

#: Namespace and uid of a root or a pod.
Place = tuple[str, str]
_COLUMNS = tuple(
    f.attname for f in Event._meta.concrete_fields if f.attname not in ("id", "cluster_id", "uid")
)


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
    have = dict(rows.values_list("uid", "resource_version"))
    fresh = [event for event in events if have.get(event.uid) != event.resource_version]
    owners = _owners(cluster, {event.regarding_uid for event in fresh})
    for event in fresh:
        event.workload_id = owners.get((event.namespace, event.regarding_uid))
    Event.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["cluster", "uid"],
        update_fields=_COLUMNS,
        batch_size=500,
    )
    return {event.workload_id for event in fresh if event.workload_id}


def adopt(cluster: Cluster, places: dict[Place, int]) -> None:
    """Give events that came before what they are about to its workload."""
    orphans = Event.objects.filter(
        cluster=cluster, workload=None, regarding_uid__in=[uid for _, uid in places]
    )
    found = [event for event in orphans if (event.namespace, event.regarding_uid) in places]
    for event in found:
        event.workload_id = places[event.namespace, event.regarding_uid]
    Event.objects.bulk_update(found, ["workload"], batch_size=500)


def _owners(cluster: Cluster, uids: set[str]) -> dict[Place, int]:
    """The workload of each root and pod with one of these uids."""
    pods = Pod.objects.filter(cluster=cluster, uid__in=uids).exclude(workload=None)
    roots = Workload.objects.filter(cluster=cluster, uid__in=uids)
    rows = [
        *pods.values_list("namespace", "uid", "workload_id"),
        *roots.values_list("namespace", "uid", "pk"),
    ]
    return {(namespace, uid): pk for namespace, uid, pk in rows if uid and pk}
