"""The health of a cluster's sources in words: which, since when, and what to do."""

from collections.abc import Collection

from django.utils import timezone

from metrics.models import Health
from metrics.scraping.endpoints import GPU_PORT, GPUS, KUBELET
from metrics.series import Scope
from metrics.sources.source import SourceState
from runyard.clusters.models import Cluster

_SCOPES = {KUBELET: (Scope.POD, Scope.NODE), GPUS: (Scope.GPU,)}


def states_of(
    cluster: Cluster, sources: Collection[str], scopes: tuple[Scope, ...], nodes: Collection[str]
) -> list[SourceState]:
    """Of `sources` on `nodes` ("" for those of the whole cluster), those that fail first."""
    rows = Health.objects.filter(cluster=cluster, source__in=sources, node__in=[*nodes, ""])
    return [_state(row, _SCOPES.get(row.source, scopes)) for row in rows.order_by("ok", "since", "node")]


def _state(row: Health, scopes: tuple[Scope, ...]) -> SourceState:
    where = f" of node {row.node}" if row.node else ""
    why = "" if row.ok else f"The {row.source}{where} gives no figures ({row.why})"
    age = (timezone.now() - row.seen_at).total_seconds() if row.seen_at else None
    return SourceState(f"{row.source}{where}", row.ok, row.since, why, age, _advice(row), scopes)


def _advice(row: Health) -> str:
    if row.ok:
        return ""
    if "forbidden" in row.why.lower():
        return "Allow Runyard's account to get nodes/proxy and pods/proxy."
    if row.source == GPUS:
        return f"Start the GPU exporter there, on port {GPU_PORT}: docs/metrics.md says how."
    return ""
