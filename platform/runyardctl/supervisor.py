"""Keeps the children of one `runyard up`: starts, restarts, shows their alarms, ends them in reverse order.

Knows nothing of what they are. One event loop, in the main thread.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from runyardctl import pidfile
from runyardctl.child import Child, Patience
from runyardctl.home import Home
from runyardctl.service import Service

ALARMS_PER_SPAN, SPAN_SECONDS = 3, 10


class Supervisor(AbstractAsyncContextManager["Supervisor"]):
    """`async with Supervisor(...)`: on leaving, for whatever reason, nothing that it started is left running.

    INT, TERM and HUP end the block as if it had run to its end; a second one cuts the waiting short.
    """

    def __init__(self, home: Home, say: Callable[[str], None], patience: Patience | None = None) -> None:
        self.home = home
        self.say = say
        self.patience = patience or Patience()
        self.children: list[Child] = []
        self.farewell = "Stopping"
        self._stopping = self._interrupted = False
        self._hasten = asyncio.Event()
        self._shown: Counter[tuple[str, int]] = Counter()

    async def __aenter__(self) -> "Supervisor":
        body, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert body
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(sign, self._interrupt, body)
        for name in await asyncio.to_thread(pidfile.end_leftovers, self.home.pids, self.patience.grace):
            self.say(f"Ended {name}, left running by an earlier start")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._stopping = True
        await self._stop()
        return self._interrupted and kind is asyncio.CancelledError

    def _interrupt(self, body: "asyncio.Task[Any]") -> None:
        if self._stopping:
            self._hasten.set()
            return
        self._stopping = self._interrupted = True
        self.say(self.farewell)
        body.cancel()

    async def start(self, service: Service) -> Child:
        """Start one service and say how long it took. Raises Trouble."""
        child = Child(service, self.home.logs, self.home.pids, self.say, self.patience)
        self.children.append(child)
        self.say(f"{service.name} ready ({await child.start():.1f} s)")
        return child

    async def keep(self, *others: Coroutine[None, None, None]) -> None:
        """Keep every child running, and `others` beside them, until cancelled. Raises Trouble."""
        async with asyncio.TaskGroup() as group:
            for work in (*(child.keep() for child in self.children), self._show_alarms(), *others):
                group.create_task(work)

    async def _stop(self) -> None:
        while self.children:
            await self.children[-1].stop(self._hasten)
            self.children.pop()

    async def _show_alarms(self) -> None:
        while True:
            for child in self.children:
                if child.ready:
                    self._show(child)
            await asyncio.sleep(1)

    def _show(self, child: Child) -> None:
        child.log.bound()
        span = (child.service.name, int(time.monotonic() / SPAN_SECONDS))
        for line in child.log.news(child.service.alarm):
            self._shown[span] += 1
            if self._shown[span] <= ALARMS_PER_SPAN:
                self.say(f"{child.service.name}: {line[:300]}")
            elif self._shown[span] == ALARMS_PER_SPAN + 1:
                self.say(f"{child.service.name}: more in {child.log.path}")
