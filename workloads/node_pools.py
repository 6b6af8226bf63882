"""The pools a workload's nodes are in, kept with the workload so that it can be sorted and filtered by them.

`place` is for `observing`, `follow` for `runyard.sync` when nodes have come or changed pools.
"""

from collections.abc import Collection, Iterable
from functools import partial

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
    there = Workload.objects.filter(cluster=cluster, nodes__overlap=list(names))
    transitions.placed_anew(there, partial(place, cluster), "node_pools")


def _pools(cluster: Cluster, names: set[str]) -> dict[str, str]:
    if not names:
        return {}
    nodes = Node.objects.filter(cluster=cluster, name__in=names).exclude(pool="")
    return dict(nodes.values_list("name", "pool"))
