"""What the node answers beside running pods: a kubelet's pages, measured objects, and ways to its ports.

The API server's proxy and metrics.k8s.io ask here; nobody else does.
"""

import json
from typing import TYPE_CHECKING, Any

from localcluster import times
from localcluster.status import ApiError

from . import exposition, sessions, usage
from .addresses import HOST_IP, pod_ip
from .attached import Attached
from .container import Container
from .listeners import Ear, Ears, listens
from .measuring import Figures, Interval, Meter

if TYPE_CHECKING:
    from .kubelet import Node
    from .pod import PodWorker

Obj = dict[str, Any]
Address = tuple[str, int]
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
GPU_RESOURCE = "nvidia.com/gpu"


class Door:
    """`ports` of the node lead to ports of this machine's loopback; no others can be reached."""

    def __init__(self, node: "Node") -> None:
        self.node = node
        self.ports: dict[int, int] = {}
        self.meter = Meter()
        self._ears = Ears()

    @property
    def name(self) -> str:
        return self.node.name

    def node_port(self, port: int) -> Address | None:
        """Where a port of the node is, when it has one to show."""
        return (HOST_IP, self.ports[port]) if port in self.ports else None

    def pod_port(self, pod: Obj, port: int) -> Address | None:
        """Where a port of a pod is; None while none of its processes listens on it."""
        meta = pod["metadata"]

        def look() -> Ear | None:
            below = usage.trees(self.node.shims(meta["namespace"], meta["name"]))
            return listens([pid for tree in below.values() for pid in tree], pod_ip(pod), port)

        ear = self._ears.get((meta["uid"], port), look)
        return (ear.address, port) if ear else None

    async def session(
        self, pod: Obj, container: str, command: list[str], *, tty: bool, stdin: bool
    ) -> sessions.Session:
        """Runs a command beside a container of a pod. ApiError 500 where that does not run."""
        worker, found = self._running(pod, container)
        worker.equip(found)
        return await sessions.start(found, command, tty=tty, stdin=stdin)

    def attached(self, pod: Obj, container: str) -> Attached:
        """What a container says from now on. ApiError 500 where it does not run."""
        _, found = self._running(pod, container)
        return Attached(found)

    def _running(self, pod: Obj, container: str) -> tuple["PodWorker", Container]:
        worker = self.node.workers.get(pod["metadata"]["uid"])
        found = worker.container(container) if worker else None
        if worker is None or found is None or not found.running:
            words = f'unable to upgrade connection: container not found ("{container}")'
            raise ApiError(500, "InternalError", f"Internal error occurred: {words}")
        return worker, found

    # -- pages --------------------------------------------------------------------------------------

    async def page(self, path: str) -> tuple[bytes, str] | None:
        """Body and type of one of the kubelet's own pages, None for a path that it does not have."""
        match path.strip("/"):
            case "metrics/cadvisor":
                return exposition.cadvisor(await self.meter.look(self.node.subjects())), PROMETHEUS
            case "metrics/resource":
                return exposition.resource(await self.meter.look(self.node.subjects())), PROMETHEUS
            case "podresources":
                return json.dumps({"podResources": self.pod_resources()}).encode(), "application/json"
            case "healthz":
                return b"ok", "text/plain; charset=utf-8"
        return None

    def pod_resources(self) -> list[Obj]:
        """Which devices each container was given, as the kubelet's PodResources lists them, with the uid."""
        return [
            {
                "name": worker.pod["metadata"]["name"],
                "namespace": worker.pod["metadata"]["namespace"],
                "uid": worker.uid,
                "containers": [
                    {"name": one.name, "devices": _devices(worker.gpus_of(one))} for one in worker.containers
                ],
            }
            for worker in self.node.workers.values()
            if not worker.settled
        ]

    # -- metrics.k8s.io -----------------------------------------------------------------------------

    async def node_metrics(self) -> list[Obj]:
        """The one NodeMetrics."""
        interval = await self.meter.interval(self.node.subjects())
        millicores, seconds = interval.machine_millicores()
        usage = _usage(millicores, interval.last.machine.used_bytes)
        labels = self.node.registry.get("nodes", None, self.name)["metadata"].get("labels", {})
        return [
            _metrics("NodeMetrics", {"name": self.name, "labels": labels}, interval, seconds, usage=usage)
        ]

    async def pod_metrics(self) -> list[Obj]:
        """A PodMetrics for each pod of which something runs."""
        interval = await self.meter.interval(self.node.subjects())
        by_pod: dict[str, list[Figures]] = {}
        for one in interval.last.containers:
            by_pod.setdefault(one.subject.uid, []).append(one)
        return [self._pod_metrics(uid, figures, interval) for uid, figures in by_pod.items()]

    def _pod_metrics(self, uid: str, figures: list[Figures], interval: Interval) -> Obj:
        subject, worker = figures[0].subject, self.node.workers.get(uid)
        meta: Obj = {"name": subject.pod, "namespace": subject.namespace}
        meta["labels"] = (worker.pod["metadata"].get("labels") if worker else None) or {}
        rates = [interval.millicores(one) for one in figures]
        containers = [
            {"name": one.subject.container, "usage": _usage(millicores, one.working_set_bytes)}
            for one, (millicores, _) in zip(figures, rates, strict=True)
        ]
        seconds = min(seconds for _, seconds in rates)
        return _metrics("PodMetrics", meta, interval, seconds, containers=containers)


def _devices(uuids: list[str]) -> list[Obj]:
    return [{"resourceName": GPU_RESOURCE, "deviceIds": uuids}] if uuids else []


def _usage(millicores: int, memory_bytes: int) -> Obj:
    return {"cpu": f"{millicores}m", "memory": f"{memory_bytes // 1024}Ki"}


def _metrics(kind: str, meta: Obj, interval: Interval, seconds: float, **body: Any) -> Obj:
    moment = times.text(interval.last.at)
    head = {"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1"}
    meta = meta | {"creationTimestamp": moment}
    return head | {"metadata": meta, "timestamp": moment, "window": f"{seconds:.3f}s"} | body
