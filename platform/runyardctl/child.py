"""One supervised process: started until ready, restarted when it dies, ended in an orderly way.

Belongs to the `supervisor`; runs in its event loop, in the main thread (see `process`).
"""

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runyardctl import pidfile
from runyardctl.logs import Log
from runyardctl.process import Command
from runyardctl.service import Service
from runyardctl.trouble import Trouble


@dataclass(frozen=True)
class Patience:
    """How long, in seconds, a child may take, and how many deaths in which span are too many."""

    ready: float = 60
    grace: float = 10
    deaths: int = 5
    within: float = 60
    first_pause: float = 0.25  # doubled with every death within the span
    longest_pause: float = 5


class Died(Exception):
    """The process ended by itself."""


class Child:
    """The process of one service. `say` gets the lines meant for the person at the terminal."""

    def __init__(
        self, service: Service, logs: Path, pids: Path, say: Callable[[str], None], patience: Patience
    ) -> None:
        self.service = service
        self.say = say
        self.patience = patience
        slug = service.name.lower().replace(" ", "-")
        self.log = Log(logs, slug)
        self.pidfile = pids / f"{slug}.pid"
        self.ready = self._restarting = False
        self._deaths: deque[float] = deque(maxlen=patience.deaths)
        self._process: asyncio.subprocess.Process | None = None
        self._command: Command | None = None

    @property
    def pid(self) -> int | None:
        """The running process, None when there is none."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def start(self) -> float:
        """Start it, wait until it is ready; returns the seconds taken. Trouble when it dies or hangs."""
        try:
            return await self._start()
        except Died as death:
            raise Trouble(f"{death} while starting; its log is {self.log.path}", self.log.tail()) from death

    async def keep(self) -> None:
        """Restart it whenever it dies, until cancelled. Raises Trouble when it dies too often."""
        while True:
            reason = await self._death()
            if self._restarting:
                self._restarting, reason = False, f"{self.service.name} ended on request"
            else:
                self._count(reason)
                await asyncio.sleep(self._pause())
            try:
                self.say(f"{reason}; restarted, ready ({await self._start():.1f} s)")
            except Died:
                continue

    async def restart(self) -> None:
        """End it; `keep` starts it again, without counting this as a death."""
        self._restarting = self.pid is not None
        await self.stop(asyncio.Event())

    async def stop(self, hasten: asyncio.Event) -> None:
        """Ask it to end; after the grace, or soon after `hasten` is set, kill its whole group."""
        process, command = self._process, self._command
        if not process or not command:
            return
        if process.returncode is None:
            process.send_signal(command.stop)
            grace = command.grace_seconds or self.patience.grace
            await _first(process.wait(), hasten.wait(), seconds=grace)
        if process.returncode is None and hasten.is_set():
            process.send_signal(command.stop)
            await _first(process.wait(), seconds=1)
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        self.pidfile.unlink(missing_ok=True)

    async def _start(self) -> float:
        began = time.monotonic()
        self.ready = False
        await asyncio.to_thread(self.service.prepare)
        self._command = self.service.command()
        with self.log.open() as output:
            options = self._command.options(output)
            self._process = await asyncio.create_subprocess_exec(*self._command.argv, **options)
        pidfile.remember(self.pidfile, self._process.pid, self._command.stop)
        await self._become_ready()
        self.log.skip()
        self.ready = True
        return time.monotonic() - began

    async def _become_ready(self) -> None:
        """Raises Died, or Trouble when it neither dies nor gets ready."""
        assert self._process
        try:
            async with asyncio.timeout(self.patience.ready):
                while not await asyncio.to_thread(self.service.is_ready):
                    if self._process.returncode is not None:
                        raise Died(self._obituary())
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            waited = f"{self.service.name} is not ready after {self.patience.ready:.0f} s"
            raise Trouble(f"{waited}; its log is {self.log.path}", self.log.tail()) from error

    async def _death(self) -> str:
        assert self._process
        await self._process.wait()
        self.ready = False
        return self._obituary()

    def _obituary(self) -> str:
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            return f"{self.service.name} died ({signal.Signals(-code).name})"
        return f"{self.service.name} ended (exit code {code})"

    def _count(self, reason: str) -> None:
        self._deaths.append(time.monotonic())
        full = len(self._deaths) == self.patience.deaths
        if full and self._deaths[-1] - self._deaths[0] < self.patience.within:
            raise Trouble(
                f"{reason} for the {self.patience.deaths}th time within {self.patience.within:.0f} s;"
                f" everything is stopped. See {self.log.path}, mend the cause and start again.",
                self.log.tail(),
            )

    def _pause(self) -> float:
        """Seconds to wait before the next start: none after a first death."""
        recent = sum(time.monotonic() - death < self.patience.within for death in self._deaths)
        return (
            min(self.patience.longest_pause, self.patience.first_pause * 2 ** (recent - 2))
            if recent > 1
            else 0
        )


async def _first(*things, seconds: float) -> None:
    """Wait until the first of `things` is done, at most `seconds`; the others are cancelled."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
