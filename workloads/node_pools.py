"""The pools a workload's nodes are in, kept with the workload so that it can be sorted and filtered by them.

`place` is for `observing`, `follow` for `runyard.sync` when nodes have come or changed pools.
"""

from collections.abc import Collection, Iterable

from django.utils import timezone

from runyard.clusters.models import Cluster, Node
from workloads import transitions
from workloads.models import Workload


def place(cluster: Cluster, workloads: Iterable[Workload]) -> None:
    """Set `node_pools`, in memory. What ran on nodes that are gone keeps the pools it had."""
    rows = list(workloads)
    pool_of = _pools(cluster, {node for workload in rows for node in workload.nodes})
    for workload in rows:
        found = {pool_of[node] for node in workload.nodes if node in pool_of}
        if found or not workload.nodes:
            workload.node_pools = sorted(found)


def follow(cluster: Cluster, names: Collection[str]) -> None:
    """Nodes `names` are in other pools than before: so are the workloads on them. Call in a transaction."""
    if not names:
        return
    there = Workload.objects.select_for_update().filter(cluster=cluster, deleted_at=None)
    rows = list(there.filter(nodes__overlap=list(names)).order_by("pk"))
    before = {workload.pk: workload.node_pools for workload in rows}
    place(cluster, rows)
    changed = [workload for workload in rows if workload.node_pools != before[workload.pk]]
    for workload in changed:
        workload.version, workload.changed_at = workload.version + 1, timezone.now()
    Workload.objects.bulk_update(changed, ["node_pools", "version", "changed_at"], batch_size=500)
    transitions.announce(changed)


def _pools(cluster: Cluster, names: set[str]) -> dict[str, str]:
    if not names:
        return {}
    nodes = Node.objects.filter(cluster=cluster, name__in=names).exclude(pool="")
    return dict(nodes.values_list("name", "pool"))
