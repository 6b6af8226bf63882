"""The health of a cluster's sources in words: which, since when, and what to do."""

from collections.abc import Collection

from django.utils import timezone

from metrics.models import Health
from metrics.scraping.endpoints import GPU_PORT, GPUS, KUBELET
from metrics.scraping.troubles import DEVICES, HOLDERS, TROUBLES
from metrics.series import Scope
from metrics.sources.source import SourceState
from runyard.clusters.models import Cluster

_SCOPES = {KUBELET: (Scope.POD, Scope.NODE)} | dict.fromkeys((GPUS, *TROUBLES), (Scope.GPU,))
#: What to do where a source gives nothing.
_ADVICE = {
    KUBELET: "See whether the node is ready, and whether the API server reaches its kubelet (port 10250).",
    GPUS: f"Start the GPU exporter there, on port {GPU_PORT}: docs/metrics.md says how.",
}
#: What the exporter's reasons mean, and what to do.
_REASONS = {
    "no_library": ("no NVIDIA driver", "Install it on the node, or run the exporter where it is visible."),
    "no_driver": ("driver not loaded", "Load the kernel module nvidia on the node; its log says why not."),
    "driver_mismatch": ("driver's library and module of different versions", "Restart the node."),
    "lost": ("fallen off the bus", "Look for its XID in the kernel's log, and restart the node."),
    "reset_required": ("needs a reset", "Stop what runs on it, and reset it: nvidia-smi --gpu-reset."),
    "hangs": ("no answer", "Look for XIDs in the kernel's log; restart the node if it stays so."),
    "unreachable": (
        "the kubelet does not say",
        "Give the exporter its pod-resources socket: docs/exporter.md.",
    ),
    "error": ("an error", "The exporter's log has the driver's words."),
}


def states_of(
    cluster: Cluster, sources: Collection[str], scopes: tuple[Scope, ...], nodes: Collection[str]
) -> list[SourceState]:
    """Of `sources` on `nodes` ("" for those of the whole cluster), those that fail first."""
    rows = Health.objects.filter(cluster=cluster, source__in=sources, node__in=[*nodes, ""])
    return [_state(row, _SCOPES.get(row.source, scopes)) for row in rows.order_by("ok", "since", "node")]


def _state(row: Health, scopes: tuple[Scope, ...]) -> SourceState:
    name = f"{row.source} of node {row.node}" if row.node else row.source
    if row.source in TROUBLES:
        return SourceState(name, False, row.since, *_said(row), scopes=scopes)
    why = "" if row.ok else f"The {name} gives no figures ({row.why})"
    age = (timezone.now() - row.seen_at).total_seconds() if row.seen_at else None
    return SourceState(name, row.ok, row.since, why, age, _advice(row), scopes)


def _advice(row: Health) -> str:
    if row.ok:
        return ""
    if "forbidden" in row.why.lower():
        return "Allow Runyard's account to get nodes/proxy and pods/proxy."
    return _ADVICE.get(row.source, "")


def _said(row: Health) -> tuple[str, None, str]:
    """Why, no age, and what to do, in the words for what `scraping.troubles` kept."""
    words: list[str] = []
    advice: dict[str, None] = {}  # each once, in order
    for one in row.why.split(", "):
        reason, *gpus = one.split()
        meant, what_to_do = _REASONS.get(reason, _REASONS["error"])
        about = {DEVICES: f"GPU {', '.join(gpus)}: ", HOLDERS: "not known which pods have its GPUs: "}
        words.append(about.get(row.source, "") + meant)
        advice[what_to_do] = None
    return f"The GPU exporter on node {row.node} says: {'; '.join(words)}", None, " ".join(advice)
