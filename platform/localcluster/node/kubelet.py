"""The node: one worker for each pod bound to it, its own Node object, usage, logs, graceful shutdown.

Started by the server through `start_node`; everything else in this folder is reached from here.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcluster import quantities
from localcluster.backoff import Backoff
from localcluster.kinds import storage
from localcluster.logoptions import LogOptions

from . import gpus, logs, machine, usage
from .container import Container
from .door import Door
from .fields import Machine
from .host import Host, Verdict
from .measuring import Subject
from .pod import PodWorker

if TYPE_CHECKING:
    from localcluster.registry import Registry

log = logging.getLogger(__name__)
Obj = dict[str, Any]
HEARTBEAT_SECONDS = 60.0
MEMORY_SECONDS = 1.0  # between looks at containers that have a memory limit
SHUTDOWN_GRACE = 8.0
SHUTDOWN_KILL = 1.5
SHUTDOWN = "Pod was terminated in response to imminent node shutdown."


class Node:
    """One machine's kubelet. `home` keeps everything that must outlive the server, in `home/pods/<uid>`."""

    def __init__(
        self, registry: "Registry", home: Path, about: Machine, devices: list[gpus.Gpu], backoff: Backoff
    ) -> None:
        self.registry, self.devices = registry, devices
        home = home.absolute()
        pods, programs = home / "pods", home / "bin"
        pods.mkdir(parents=True, exist_ok=True, mode=0o700)
        machine.write_programs(programs)
        self.host = Host(registry, pods, programs, about, gpus.Ledger(devices), backoff, self)
        self.memory_seconds = MEMORY_SECONDS
        self.workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False
        self._started = asyncio.Event()
        self.door = Door(self)

    @property
    def name(self) -> str:
        return self.host.machine.node_name

    # -- life ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Registers the node, takes up what an earlier server left, then follows the pods."""
        machine.register(self.registry, self.name, self.host.machine.allocatable, self.devices)
        self._restore()
        self._subscription = self.registry.subscribe("pods", "configmaps", "secrets", storage.CLAIMS)
        self._loops = [
            asyncio.create_task(loop) for loop in (self._follow(), self._heartbeat(), self._watch_memory())
        ]

    def _restore(self) -> None:
        """GPUs as they were given out; pods whose object went while nobody watched are ended and removed."""
        pods = self.registry.list("pods")
        known = {pod["metadata"]["uid"] for pod in pods}
        for folder in list(self.host.pods.iterdir()):
            try:
                saved = json.loads((folder / "pod.json").read_text())
            except (OSError, ValueError):
                saved = {}
            if folder.name in known:
                for container, uuids in (saved.get("gpus") or {}).items():
                    self.host.ledger.restore((folder.name, container), uuids)
            else:
                self._add(PodWorker(self.host, _orphan(folder, saved))).forget()
        for pod in pods:
            if pod["spec"].get(
                "nodeName"
            ):  # of this node under whatever name: the machine may have been renamed
                self._see("ADDED", pod)

    async def _follow(self) -> None:
        async for event in self._subscription:
            with _logged("following pods"):
                if event.resource != "pods":
                    self._wake_unprepared(event.object["metadata"]["namespace"])
                elif self._is_ours(event.object):
                    self._see(event.type, event.object)

    def _is_ours(self, pod: Obj) -> bool:
        return pod["metadata"]["uid"] in self.workers or pod["spec"].get("nodeName") == self.name

    def _see(self, kind: str, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        worker = self.workers.get(uid)
        if kind == "DELETED":
            if worker:
                worker.forget()
        elif worker:
            worker.update(pod)
        elif not self._stopping:
            self._add(PodWorker(self.host, pod))

    def _add(self, worker: PodWorker) -> PodWorker:
        worker.restore()
        self.workers[worker.uid] = worker
        task = asyncio.create_task(worker.run())
        self._tasks[worker.uid] = task
        task.add_done_callback(lambda _: self._remove(worker))
        return worker

    def _remove(self, worker: PodWorker) -> None:
        if worker.gone:
            self.workers.pop(worker.uid, None)
            self._tasks.pop(worker.uid, None)

    def container_started(self) -> None:
        self._started.set()

    def gpus_freed(self) -> None:
        """Whoever waits for some may look again."""
        for worker in self.workers.values():
            if worker.places is None and not worker.over:
                worker.wake()

    def _wake_unprepared(self, namespace: str) -> None:
        """A ConfigMap, Secret or claim changed: pods that could not start for want of one look again."""
        for worker in self.workers.values():
            if worker.pod["metadata"]["namespace"] == namespace and worker.lacks_config:
                worker.wake()

    async def stop(self) -> None:
        """Ends every pod: TERM, its grace up to 8 s, KILL; statuses are written before this returns.

        Controllers must have been stopped before, or they would replace the pods that end here.
        """
        self._stopping = True
        for worker in self.workers.values():
            worker.end(shutdown_verdict(worker))
        await self._settled(SHUTDOWN_GRACE + SHUTDOWN_KILL)
        for task in [*self._loops, *self._tasks.values()]:
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks.values(), return_exceptions=True)
        for worker in self.workers.values():
            worker.close()
        self._subscription.close()
        machine.set_ready(self.registry, self.name, False)

    async def _settled(self, seconds: float) -> None:
        ends = [asyncio.create_task(one.ended.wait()) for one in self.workers.values()]
        if ends:
            _, late = await asyncio.wait(ends, timeout=seconds)
            for task in late:
                task.cancel()

    # -- what runs by the clock ---------------------------------------------------------------------

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            with _logged("heartbeat"):
                machine.set_ready(self.registry, self.name, True)

    async def _watch_memory(self) -> None:
        """Holds containers to their memory limits; sleeps while none runs."""
        while True:
            self._started.clear()
            if not self._running():
                await self._started.wait()
            await asyncio.sleep(self.memory_seconds)
            with _logged("watching memory"):
                self._enforce_limits()

    def _enforce_limits(self) -> None:
        """Cheap where nothing has a limit."""
        limited = {pid: pair for pid, pair in self._running().items() if _memory_limit(pair[1])}
        trees = usage.trees(limited) if limited else {}
        for pid, (worker, container) in limited.items():
            if usage.memory_bytes(trees[pid], _memory_limit(container)) > _memory_limit(container):
                worker.kill_for_memory(container)

    def _running(self) -> dict[int, tuple[PodWorker, Container]]:
        """Running containers by the pid of their shim."""
        return {
            container.record.shim.pid: (worker, container)
            for worker in self.workers.values()
            for container in worker.containers
            if container.running and container.record and container.record.shim
        }

    # -- what others ask of it ----------------------------------------------------------------------

    def subjects(self) -> list[Subject]:
        """Every running container, as what is to be measured."""
        return [_subject(worker, container, pid) for pid, (worker, container) in self._running().items()]

    def shims(self, namespace: str, pod: str) -> list[int]:
        """The pids above the processes of a pod's running containers."""
        return [one.shim for one in self.subjects() if (one.namespace, one.pod) == (namespace, pod)]

    # -- logs ---------------------------------------------------------------------------------------

    def logs(self, namespace: str, name: str, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The log of the run that a container's status tells of, or of the one before; nothing without one.

        ApiError without a pod.
        """
        pod = self.registry.get("pods", namespace, name)
        worker = self.workers.get(pod["metadata"]["uid"])
        found = worker.container(container) if worker else None
        attempt = found.attempt if found else None
        if found is None or attempt is None:
            return logs.nothing()
        number = found.shown
        if not options.previous:
            folder = found.run_folder(number) / "log"
            return logs.read(folder, options, lambda: attempt.exited or found.number != number)
        before = number if found.waiting and found.exited else number - 1
        return logs.read(found.run_folder(before) / "log", options, lambda: True)


def shutdown_verdict(worker: PodWorker) -> Verdict:
    grace = min(worker.own_grace, SHUTDOWN_GRACE)
    disruption = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "message": SHUTDOWN,
    }
    return Verdict("NodeShutdown", SHUTDOWN, grace, disruption)


def _subject(worker: PodWorker, container: Container, shim: int) -> Subject:
    meta = worker.pod["metadata"]
    assert container.record is not None
    return Subject(
        namespace=meta["namespace"],
        pod=meta["name"],
        uid=worker.uid,
        container=container.name,
        image=container.spec.get("image", ""),
        number=container.number,
        shim=shim,
        started_at=container.record.started_at / 1e9,
        memory_limit_bytes=_memory_limit(container),
    )


def _memory_limit(container: Container) -> int:
    """Bytes; 0 for none."""
    return quantities.whole(((container.spec.get("resources") or {}).get("limits") or {}).get("memory", 0))


def _orphan(folder: Path, saved: Obj) -> Obj:
    """A pod of which only the folder is known: enough to end what runs there and remove it."""
    names = [path.name for path in (folder / "containers").glob("*")]
    meta = {"uid": folder.name, "namespace": saved.get("namespace", ""), "name": saved.get("name", "")}
    return {"metadata": meta, "spec": {"containers": [{"name": name} for name in names]}, "status": {}}


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    """What runs as long as the node does outlives its own mistakes."""
    try:
        yield
    except Exception:
        log.exception("%s failed", what)
