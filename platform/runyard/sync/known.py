"""What our rows already say of a cluster, uid -> version: what a list is compared with."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from runyard.clusters.models import Cluster, Node
from workloads.kinds import BY_RESOURCE, KINDS
from workloads.models import Event, KaiQueue, Pod, QueueEntry, Workload
from workloads.queueing import guarantees
from workloads.queueing.schedulers import SCHEDULERS


def known(cluster: Cluster, resource: str) -> dict[str, str]:
    """Of every row of `resource` that the cluster had when we last looked; read before the first list."""
    recent = timezone.now() - timedelta(hours=2)
    rows: dict[str, QuerySet[Any]] = {
        **{root: _roots(cluster, root) for root in BY_RESOURCE},
        "pods": Pod.objects.filter(cluster=cluster, gone_at=None),
        "events": Event.objects.filter(cluster=cluster, last_at__gt=recent),
        "nodes": Node.objects.filter(cluster=cluster),
        **{entry: QueueEntry.objects.filter(cluster=cluster, resource=entry) for entry in SCHEDULERS},
        guarantees.RESOURCE: KaiQueue.objects.filter(cluster=cluster),
    }
    return _versions(rows[resource])


def unseen(cluster: Cluster, resource: str) -> dict[str, str]:
    """Of what we submitted and never saw: made and deleted again while nobody watched, it is in no list.

    For a thread that asks now and then: keeps no connection.
    """
    if resource not in BY_RESOURCE:
        return {}
    try:
        return _versions(_roots(cluster, resource).filter(resource_version=""))
    finally:
        connection.close()


def _roots(cluster: Cluster, resource: str) -> QuerySet[Workload]:
    kinds = [kind.name for kind in KINDS.values() if kind.resource == resource]
    return Workload.objects.filter(cluster=cluster, kind__in=kinds, deleted_at=None).exclude(uid=None)


def _versions(rows: QuerySet[Any]) -> dict[str, str]:
    return dict(rows.values_list("uid", "resource_version").iterator(chunk_size=10_000))
