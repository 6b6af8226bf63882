"""One observation of a cluster, and the nodes among them written to their rows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.clusters import objects, quantities
from runyard.clusters.models import Cluster, Node

_COLUMNS = (
    "name", "resource_version", "ready", "unschedulable", "cpu_millis", "memory_bytes", "gpus", "gpu_product"
)  # fmt: skip


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An object as it is, or (object None) that `uid` is gone.

    A Struct outside the cyclic collector: ten thousand of them must not set it off.
    """

    resource: str  # the plural, such as "pods"
    uid: str
    object: Any = None


def observe_nodes(cluster: Cluster, seen: Sequence[Seen]) -> None:
    """Write what `seen` says of nodes; call inside a transaction."""
    latest = {one.uid: one.object for one in seen if one.resource == "nodes"}
    gone = [uid for uid, node in latest.items() if node is None]
    rows = [_row(cluster, node) for node in latest.values() if node is not None]
    if gone:
        Node.objects.filter(cluster=cluster, uid__in=gone).delete()
    if rows:
        Node.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["cluster", "uid"], update_fields=_COLUMNS
        )


def _row(cluster: Cluster, node: objects.Node) -> Node:
    offer = node.status.allocatable or node.status.capacity or {}
    ready = objects.conditions(node.status).get("Ready")
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
        gpu_product=(node.metadata.labels or {}).get("nvidia.com/gpu.product", "")[:120],
    )
