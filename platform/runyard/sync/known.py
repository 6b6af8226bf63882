"""What our rows already say of a cluster, uid -> version: what a list is compared with."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from runyard.clusters.models import Cluster, Node
from workloads.kinds import BY_RESOURCE
from workloads.models import Event, Pod, Workload


def known(cluster: Cluster, resource: str) -> dict[str, str]:
    """Of every row of `resource` that the cluster had when we last looked; read before the first list."""
    if kind := BY_RESOURCE.get(resource):
        roots = Workload.objects.filter(cluster=cluster, kind=kind.name, deleted_at=None).exclude(uid=None)
        return {uid or "": version for uid, version in roots.values_list("uid", "resource_version")}
    recent = timezone.now() - timedelta(hours=2)
    rows: dict[str, QuerySet[Any]] = {
        "pods": Pod.objects.filter(cluster=cluster, gone_at=None),
        "events": Event.objects.filter(cluster=cluster, last_at__gt=recent),
        "nodes": Node.objects.filter(cluster=cluster),
    }
    return dict(rows[resource].values_list("uid", "resource_version"))
