"""ASGI middleware: only so many requests are worked on at a time; the others wait for their turn, in order.

Each request takes a thread and a database connection. When a hundred pages ask at once, as after a restart,
a hundred threads would share two cores and time out waiting for a connection; in turn they are quick.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar
from typing import Any

from django.db import connection

Send = Callable[[Any], Awaitable[None]]
App = Callable[[dict[str, Any], Any, Send], Awaitable[Any]]

_turn: ContextVar["_Turn | None"] = ContextVar("turn", default=None)


class Turns:
    """`most` should be below the size of the pool of connections, for others need some too.

    The paths `free` need no turn: who asks whether we are well must hear it when all turns are taken.
    """

    def __init__(self, app: App, most: int, free: Collection[str] = ()):
        self._app, self._free, self._paths = app, asyncio.Semaphore(most), frozenset(free)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """A turn ends with the answer, or with the first part of one that is streamed: that may take long."""
        if scope.get("path") in self._paths:
            return await self._app(scope, receive, send)
        await self._free.acquire()
        turn = _Turn(self._free)

        async def sending(event: Any) -> None:
            if event.get("more_body"):
                turn.end()
            await send(event)

        _turn.set(turn)
        try:
            await self._app(scope, receive, sending)
        finally:
            turn.end()
        return None


class _Turn:
    """That of one request: ends once."""

    def __init__(self, free: asyncio.Semaphore):
        self._free, self._ended, self._loop = free, False, asyncio.get_running_loop()

    def end(self) -> None:
        """On the event loop."""
        if not self._ended:
            self._ended = True
            self._free.release()

    def end_soon(self) -> None:
        """From the request's thread."""
        self._loop.call_soon_threadsafe(self.end)


def step_aside() -> None:
    """Call it before waiting for somebody else, such as a cluster: the next request has its turn meanwhile.

    Gives the database connection back as well, outside transactions. Nothing where there is no turn.
    """
    turn = _turn.get()
    if turn is None:
        return
    if not connection.in_atomic_block:
        connection.close()
    turn.end_soon()
