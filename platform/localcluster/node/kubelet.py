"""The node: one worker for each pod bound to it, its own Node object, usage, logs, graceful shutdown.

Started by the server through `start_node`; everything else in this folder is reached from here.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcluster import quantities
from localcluster.backoff import Backoff
from localcluster.logoptions import LogOptions

from . import gpus, logs, machine, usage
from .container import Container
from .fields import Machine
from .host import Host, Verdict
from .pod import PodWorker

if TYPE_CHECKING:
    from localcluster.registry import Registry

log = logging.getLogger(__name__)
Obj = dict[str, Any]
HEARTBEAT_SECONDS = 60.0
SAMPLE_SECONDS = 5.0
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
        self.sample_seconds, self.memory_seconds = SAMPLE_SECONDS, MEMORY_SECONDS
        self.workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._meters: dict[int, usage.Meter] = {}
        self._usage: dict[tuple[str, str], list[usage.Usage]] = {}
        self._stopping = False
        self._started = asyncio.Event()

    @property
    def name(self) -> str:
        return self.host.machine.node_name

    # -- life ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Registers the node, takes up what an earlier server left, then follows the pods."""
        machine.register(self.registry, self.name, self.host.machine.allocatable, self.devices)
        self._restore()
        self._subscription = self.registry.subscribe("pods", "configmaps", "secrets")
        self._loops = [
            asyncio.create_task(loop) for loop in (self._follow(), self._heartbeat(), self._sample())
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
        """A ConfigMap or Secret changed: pods that could not start for want of one look again."""
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

    async def _sample(self) -> None:
        """Measures every running container; those with a memory limit are looked at more often."""
        due = 0.0
        while True:
            self._started.clear()
            if not self._running():
                self._usage = {}
                await self._started.wait()
            await asyncio.sleep(self.memory_seconds if self._limited() else self.sample_seconds)
            with _logged("sampling"):
                if time.monotonic() >= due:
                    due = time.monotonic() + self.sample_seconds
                    self._measure(self._running())
                else:
                    self._enforce_limits()

    def _enforce_limits(self) -> None:
        limited = self._limited()
        trees = usage.trees(limited) if limited else {}
        for pid, (worker, container) in limited.items():
            _enforce(worker, container, trees[pid])

    def _limited(self) -> dict[int, tuple[PodWorker, Container]]:
        """Those running containers that have a memory limit."""
        return {pid: pair for pid, pair in self._running().items() if _memory_limit(pair[1])}

    def _running(self) -> dict[int, tuple[PodWorker, Container]]:
        """Running containers by the pid of their shim."""
        return {
            container.record.shim.pid: (worker, container)
            for worker in self.workers.values()
            for container in worker.containers
            if container.running and container.record and container.record.shim
        }

    def _measure(self, running: dict[int, tuple[PodWorker, Container]]) -> None:
        trees = usage.trees(running) if running else {}
        self._meters = {pid: self._meters.get(pid) or usage.Meter() for pid in running}
        self._usage = {}
        for pid, (worker, container) in running.items():
            _enforce(worker, container, trees[pid])
            cpu, memory = self._meters[pid].millicores(trees[pid]), usage.memory_bytes(trees[pid])
            meta = worker.pod["metadata"]
            sample = usage.Usage(container.name, cpu, memory, time.time())
            self._usage.setdefault((meta["namespace"], meta["name"]), []).append(sample)

    def usage(self, namespace: str, pod: str) -> list[usage.Usage]:
        """The latest sample of each running container of a pod; empty until there is one."""
        return self._usage.get((namespace, pod), [])

    # -- logs ---------------------------------------------------------------------------------------

    def logs(self, namespace: str, name: str, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """The log of a container's present or previous run; nothing without one. ApiError without a pod."""
        pod = self.registry.get("pods", namespace, name)
        worker = self.workers.get(pod["metadata"]["uid"])
        found = worker.container(container) if worker else None
        attempt = found.attempt if found else None
        if found is None or attempt is None:
            return logs.nothing()
        if not options.previous:
            folder = attempt.folder
            return logs.read(folder / "log", options, lambda: attempt.exited or found.attempt is not attempt)
        number = found.number if found.waiting and found.exited else found.number - 1
        return logs.read(found.run_folder(number) / "log", options, lambda: True)


def shutdown_verdict(worker: PodWorker) -> Verdict:
    grace = min(worker.own_grace, SHUTDOWN_GRACE)
    disruption = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "message": SHUTDOWN,
    }
    return Verdict("NodeShutdown", SHUTDOWN, grace, disruption)


def _enforce(worker: PodWorker, container: Container, tree: list[Any]) -> None:
    limit = _memory_limit(container)
    if limit and usage.memory_bytes(tree, limit) > limit:
        worker.kill_for_memory(container)


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
