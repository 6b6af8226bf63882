"""uvicorn's HTTP, whose answers leave in one write where their head and their body are there together.

By itself it writes the head of each alone, which wakes up who waits for it twice. For its option `--http`.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ENOUGH = 65_536  # bytes: more do not wait


class Gathering:
    """`transport`, which gets what is written when there is ENOUGH of it, or the turn of the loop is over."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop):
        self.bare, self._loop = transport, loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size >= ENOUGH:
            self.flush()
        elif len(self._held) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held and not self.bare.is_closing():
            self.bare.writelines(held)

    def close(self) -> None:
        self.flush()
        self.bare.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)


class Protocol(HttpToolsProtocol):
    """One connection. A websocket that it becomes has frames of its own, and writes by itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Gathering(transport, self.loop)))

    def handle_websocket_upgrade(self) -> None:
        gathering = cast(Gathering, self.transport)
        gathering.flush()
        self.transport = gathering.bare
        super().handle_websocket_upgrade()
