"""One observation of a cluster, and the nodes among them written to their rows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.clusters import objects, quantities
from runyard.clusters.models import Cluster, Node

_COLUMNS = (
    "name", "resource_version", "ready", "unschedulable", "cpu_millis", "memory_bytes", "gpus", "gpu_product",
    "pool",
)  # fmt: skip

#: Where a node's pool stands: KAI's own label first, then those of clouds and autoscalers.
POOL_LABELS = (
    "kai.scheduler/node-pool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
)


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An object as it is, or (object None) that `uid` is gone.

    A Struct outside the cyclic collector: ten thousand of them must not set it off.
    """

    resource: str  # the plural, such as "pods"
    uid: str
    object: Any = None


def observe_nodes(cluster: Cluster, seen: Sequence[Seen]) -> set[str]:
    """Write what `seen` says of nodes; call inside a transaction. The names of those in another pool now."""
    latest = {one.uid: one.object for one in seen if one.resource == "nodes"}
    gone = [uid for uid, node in latest.items() if node is None]
    rows = [node_row(cluster, node) for node in latest.values() if node is not None]
    if gone:
        Node.objects.filter(cluster=cluster, uid__in=gone).delete()
    if not rows:
        return set()
    known = dict(Node.objects.filter(cluster=cluster, uid__in=latest).values_list("uid", "pool"))
    Node.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["cluster", "uid"], update_fields=_COLUMNS
    )
    return {row.name for row in rows if row.pool != known.get(row.uid, "")}


def node_row(cluster: Cluster, node: objects.Node) -> Node:
    """What is kept of a node, not saved."""
    offer = node.status.allocatable or node.status.capacity or {}
    ready = objects.conditions(node.status).get("Ready")
    labels = node.metadata.labels or {}
    return Node(
        cluster=cluster,
        uid=node.metadata.uid,
        name=node.metadata.name,
        resource_version=node.metadata.resource_version,
        ready=bool(ready and ready.status == "True"),
        unschedulable=bool(node.spec.unschedulable),
        cpu_millis=quantities.millis(str(offer.get("cpu", 0))),
        memory_bytes=quantities.whole(str(offer.get("memory", 0))),
        gpus=quantities.whole(str(offer.get("nvidia.com/gpu", 0))),
        gpu_product=labels.get("nvidia.com/gpu.product", "")[:120],
        pool=next((labels[key] for key in POOL_LABELS if labels.get(key)), "")[:63],
    )
