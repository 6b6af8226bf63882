"""The sockets that hear the same topics. What comes is gathered once, and encoded once, for all of them.

Used by the hub alone. Whoever hears the same topics has the same rights: an audience is made of what
`topics.resolve` allowed, never of what was asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from runyard.live.hints import Hint, read

GATHER_SECONDS = 0.05
Ear = Callable[[Hint], Awaitable[None]]  # sends it; must not raise, may wait for a slow reader


class Telling:
    """Hands one frame to many sockets; no slow reader holds up the others."""

    def __init__(self) -> None:
        self._held_up: set[asyncio.Task[None]] = set()

    async def tell(self, ears: Iterable[Ear], hint: Hint) -> None:
        """To every ear, one after the other in one task: a task per socket would cost as much as the sending.

        A task that a slow reader holds up is left to wait for it, and another takes on the rest.
        """
        rest = iter(tuple(ears))
        while True:
            task = asyncio.get_running_loop().create_task(_send_to(rest, hint))
            await asyncio.sleep(0)  # the task runs to its end, or to an ear that has to wait
            if task.done():
                return
            self._held_up.add(task)
            task.add_done_callback(self._held_up.discard)


class Audience:
    """Tells the first hint after a rest at once, and then what gathered, every GATHER_SECONDS."""

    def __init__(self) -> None:
        self.ears: set[Ear] = set()
        self._gathered: dict[str, Hint] = {}
        self._working: asyncio.Task[None] | None = None
        self._telling = Telling()

    def hear(self, name: str, payload: Any) -> None:
        """A listener of the hub. Raises TypeError, KeyError, ValueError for what is no hint."""
        hint = read(name, payload)
        had = self._gathered.get(hint.topic)
        self._gathered[hint.topic] = hint if had is None else had | hint
        if self._working is None or self._working.done():
            self._working = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._gathered:
            gathered, self._gathered = self._gathered, {}
            for hint in gathered.values():
                await self._telling.tell(self.ears, hint)
            await asyncio.sleep(GATHER_SECONDS)


async def _send_to(ears: Iterator[Ear], hint: Hint) -> None:
    for ear in ears:
        await ear(hint)
