"""Where the figures of a cluster's nodes lie behind its API server: paths that real clusters have."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from metrics.scraping.fetching import Endpoint
from metrics.series import METRICS, Scope
from runyard.clusters.connection import ClusterError, Connection
from runyard.clusters.models import Node

KUBELET, CADVISOR, RESOURCE, GPUS = "kubelet", "/metrics/cadvisor", "/metrics/resource", "GPU exporter"
#: The port of DCGM's exporter and of ours.
GPU_PORT = 9400
EXPORTER_PODS = "app in (nvidia-dcgm-exporter, runyard-exporter)"
EXPORTER_PODS_TOO = "app.kubernetes.io/name in (dcgm-exporter, runyard-exporter)"
LOOK_SECONDS = 120.0

NAMES = {
    scope: tuple(name.text for metric in METRICS.values() if metric.scope is scope for name in metric.names)
    for scope in Scope
}
#: What /metrics/resource has of containers too, for kubelets that show no cAdvisor.
SPARE_NAMES = tuple(METRICS[key].names[0].text for key in ("cpu", "memory"))


@dataclass(slots=True)
class Exporters:
    """The pods that export GPU figures, by node; looked for every other minute."""

    by_node: dict[str, str] = field(default_factory=dict)
    looked_at: float = float("-inf")

    def look(self, connection: Connection) -> None:
        """Keeps what it knows where the cluster does not answer or allow it."""
        if time.monotonic() - self.looked_at < LOOK_SECONDS:
            return
        self.looked_at = time.monotonic()
        try:
            self.by_node = dict(
                pair for labels in (EXPORTER_PODS, EXPORTER_PODS_TOO) for pair in _pods(connection, labels)
            )
        except (ClusterError, msgspec.MsgspecError):
            return


class _Meta(msgspec.Struct):
    name: str
    namespace: str


class _Spec(msgspec.Struct):
    nodeName: str = ""


class _Status(msgspec.Struct):
    phase: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta
    spec: _Spec
    status: _Status


class _Pods(msgspec.Struct):
    items: list[_Pod]


def _pods(connection: Connection, labels: str) -> Iterator[tuple[str, str]]:
    """The node and the proxy path of each running pod with these labels."""
    body = connection.read("GET", "/api/v1/pods", params={"labelSelector": labels, "limit": 10_000})
    for pod in msgspec.json.decode(body, type=_Pods).items:
        if pod.spec.nodeName and pod.status.phase == "Running":
            where = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}:{GPU_PORT}"
            yield pod.spec.nodeName, f"{where}/proxy/metrics"


def endpoints_of(nodes: Iterable[Node], exporters: Exporters) -> Iterator[Endpoint]:
    """Both texts of each node's kubelet, and that of the exporter where there are GPUs."""
    for node in nodes:
        proxy = f"/api/v1/nodes/{node.name}"
        yield Endpoint(KUBELET, node.name, f"{proxy}/proxy{CADVISOR}")
        yield Endpoint(KUBELET, node.name, f"{proxy}/proxy{RESOURCE}")
        if path := exporters.by_node.get(node.name):
            yield Endpoint(GPUS, node.name, path)
        elif node.gpus:
            yield Endpoint(GPUS, node.name, f"{proxy}:{GPU_PORT}/proxy/metrics")
