"""Finds the Prometheus that runs in a cluster, and has figures of pods or GPUs, behind the API server.

Looked for by the worker; pages read what it found.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from metrics.models import Upkeep
from metrics.sources.asking import Proxied
from metrics.sources.source import SourceError
from runyard.clusters.connection import ClusterError, Connection, connect
from runyard.clusters.models import Cluster

#: A cluster is searched again after so long.
SEARCHED = timedelta(minutes=5)
LABELS = (
    "app.kubernetes.io/name=prometheus",
    "app=kube-prometheus-stack-prometheus",
    "operated-prometheus=true",
)
#: It must know of our figures, or it is there for something else.
PROOF = 'count({__name__=~"container_cpu_usage_seconds_total|DCGM_FI_DEV_GPU_UTIL"})'
PORTS = ("http-web", "web", "http", "prometheus")


class _Meta(msgspec.Struct):
    name: str
    namespace: str


class _Port(msgspec.Struct):
    port: int
    name: str = ""


class _Spec(msgspec.Struct):
    ports: list[_Port] = []


class _Service(msgspec.Struct):
    metadata: _Meta
    spec: _Spec


class _Services(msgspec.Struct):
    items: list[_Service] = []


def renew(cluster: Cluster, now: datetime) -> None:
    """Look for it where nobody did in the last minutes."""
    keep, _ = Upkeep.objects.get_or_create(cluster=cluster)
    if keep.searched_at is None or abs(now - keep.searched_at) >= SEARCHED:
        found = _search(cluster)
        changed = {"searched_at": now, "prometheus_path": found.path if found else ""}
        Upkeep.objects.filter(cluster=cluster, searched_at=keep.searched_at).update(**changed)


def found(cluster: Cluster) -> Proxied | None:
    """As found last."""
    path = Upkeep.objects.filter(cluster=cluster).values_list("prometheus_path", flat=True).first()
    return Proxied(cluster, path) if path else None


def _search(cluster: Cluster) -> Proxied | None:
    try:
        found = (Proxied(cluster, path) for path in candidates(connect(cluster)))
        return next((one for one in found if _has_figures(one)), None)
    except (ClusterError, msgspec.MsgspecError):
        return None


def candidates(connection: Connection) -> Iterator[str]:
    """The proxy path of each service that may be a Prometheus. Raises ClusterError, MsgspecError."""
    for labels in LABELS:
        body = connection.read("GET", "/api/v1/services", params={"labelSelector": labels, "limit": 50})
        for service in msgspec.json.decode(body, type=_Services).items:
            for port in _ports(service):
                where = (
                    f"/api/v1/namespaces/{service.metadata.namespace}/services/{service.metadata.name}:{port}"
                )
                yield f"{where}/proxy"


def _ports(service: _Service) -> list[int]:
    return [port.port for port in service.spec.ports if port.port == 9090 or port.name in PORTS][:1]


def _has_figures(client: Proxied) -> bool:
    try:
        return bool(client.ask("/api/v1/query", {"query": PROOF}, "vector"))
    except SourceError:
        return False
