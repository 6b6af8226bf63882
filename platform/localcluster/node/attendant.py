"""Looks after the containers of one pod while they run: probes, hooks, events, and an orderly end."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from .container import Container
from .probes import KINDS, ProbeFailed, Prober, ask

log = logging.getLogger(__name__)
Obj = dict[str, Any]
Say = Callable[[str, str, str], None]  # type, reason, message of an event about the pod


class Attendant:
    """`equip` gives a container, adopted from an earlier server, the environment its probes run in."""

    def __init__(self, say: Say, own_grace: float, equip: Callable[[Container], None]) -> None:
        self.say, self.own_grace, self.equip = say, own_grace, equip
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._grace: float | None = None  # of the end that was asked for; None while none was

    def tend(self, container: Container) -> None:
        """Takes note of where a container stands: it runs, or has ended."""
        if container.running:
            self._announce(container)
            if self._grace is None:
                self._watch(container)
        elif container.exited:
            container.started = container.ready = False
            self._leave(container)
            container.end_visitors()
            self._announce(container)

    def end(self, containers: list[Container], grace: float) -> None:
        """Asks every process to end; asked again with less grace, passes that on."""
        if self._grace is not None and grace >= self._grace:
            return
        first, self._grace = self._grace is None, grace
        for container in containers:
            if container.attempt is None or not container.alive:
                continue
            self._leave(container)
            if first:
                self.say("Normal", "Killing", f"Stopping container {container.name}")
            hook = (container.spec.get("lifecycle") or {}).get("preStop")
            if first and hook and container.running and grace > 1:
                self._tasks[container.name] = asyncio.create_task(self._stop_after(container, hook, grace))
            else:
                container.attempt.stop(grace)

    def kill(self, container: Container, words: str, grace: float, reason: str = "") -> None:
        """Ends one container; what becomes of it then is up to the pod's restart policy."""
        if container.attempt and container.alive:
            self.say("Normal", "Killing", words)
            container.attempt.stop(grace, reason)

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def _leave(self, container: Container) -> None:
        task = self._tasks.pop(container.name, None)
        if task:
            task.cancel()

    def _announce(self, container: Container) -> None:
        """Once a run: that it has started, even if it is over by now, or why it could not."""
        if container.announced or container.record is None:
            return
        container.announced = True
        if container.record.reason == "StartError":
            self.say("Warning", "Failed", f"Error: {container.record.message}")
        else:
            self.say("Normal", "Started", f"Started container {container.name}")

    def _watch(self, container: Container) -> None:
        if container.name in self._tasks:
            return
        hook = (container.spec.get("lifecycle") or {}).get("postStart")
        if not hook and not any(container.spec.get(f"{kind}Probe") for kind in KINDS):
            container.started = container.ready = True
            return
        self._tasks[container.name] = asyncio.create_task(self._look_after(container, hook))

    async def _look_after(self, container: Container, hook: Obj | None) -> None:
        def unhealthy(kind: str, message: str) -> None:
            self.say("Warning", "Unhealthy", message)

        def kill(kind: str) -> None:
            words = f"Container {container.name} failed {kind} probe, will be restarted"
            probe = container.spec.get(f"{kind}Probe") or {}
            grace = probe.get("terminationGracePeriodSeconds")
            self.kill(container, words, self.own_grace if grace is None else float(grace))

        try:
            self.equip(container)
            if hook:
                await ask(container, hook, self.own_grace)
            await Prober(container, unhealthy, kill).run()
        except ProbeFailed as failure:
            self.say("Warning", "FailedPostStartHook", f"PostStartHook failed: {failure}")
            self.kill(container, "FailedPostStartHook", self.own_grace)
        except Exception:
            log.exception("probing container %s failed", container.name)

    async def _stop_after(self, container: Container, hook: Obj, grace: float) -> None:
        """preStop, then TERM; both within the grace."""
        started = time.monotonic()
        try:
            await ask(container, hook, grace)
        except ProbeFailed as failure:
            self.say("Warning", "FailedPreStopHook", f"PreStopHook failed: {failure}")
        finally:  # whatever became of the hook
            if container.attempt:
                container.attempt.stop(max(1.0, grace - (time.monotonic() - started)))
