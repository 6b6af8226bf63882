"""ASGI middleware: only so many requests are worked on at a time; the others wait for their turn, in order.

Each request takes a thread and a database connection. When a hundred pages ask at once, as after a restart,
a hundred threads would share two cores and time out waiting for a connection; in turn they are quick.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[Any], Awaitable[None]]
App = Callable[[dict[str, Any], Any, Send], Awaitable[Any]]


class Turns:
    """`most` should be below the size of the pool of connections, for others need some too."""

    def __init__(self, app: App, most: int):
        self._app, self._free = app, asyncio.Semaphore(most)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """A turn ends with the answer, or with the first part of one that is streamed: that may take long."""
        await self._free.acquire()
        mine = True

        def end() -> None:
            nonlocal mine
            if mine:
                mine = False
                self._free.release()

        async def sending(event: Any) -> None:
            if event.get("more_body"):
                end()
            await send(event)

        try:
            await self._app(scope, receive, sending)
        finally:
            end()
