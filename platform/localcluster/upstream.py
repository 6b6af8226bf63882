"""Connections to ports of pods and of the node, one request at a time, kept for the next. See `forward`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import h11

from localcluster.doors import Address
from localcluster.proxy import unreachable

_CONNECT_SECONDS = 5
_READ_BYTES = 256 * 1024
_IDLE_SECONDS, _MOST_IDLE = 4.0, 64  # shorter than servers themselves wait


class Upstream:
    """The other end: one connection, for one request and its answer at a time."""

    def __init__(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.address = address
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.CLIENT)

    @classmethod
    async def reached(cls, address: Address) -> Upstream:
        """ApiError 503 when nobody answers there."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return cls(address, *await asyncio.open_connection(*address))
        except (OSError, TimeoutError) as error:
            raise unreachable(f"dial tcp {address[0]}:{address[1]}: {error or 'i/o timeout'}") from None

    async def send(self, event: h11.Event) -> None:
        """Raises OSError, h11.LocalProtocolError."""
        self._writer.write(self._state.send(event) or b"")
        await self._writer.drain()

    async def head(self) -> h11.Response:
        """The answer's head. Raises OSError, h11.ProtocolError when there is none."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("closed before it answered")

    async def body(self) -> AsyncIterator[bytes]:
        """Raises the same when the other end breaks off in the middle."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> h11.Event:
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                self._state.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Event):
                return event
            else:  # paused: the other end wants to speak something else now
                return h11.ConnectionClosed()

    def renewed(self) -> bool:
        """Fit for another request; False when this was the last one that it takes."""
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        return self.lives

    @property
    def lives(self) -> bool:
        """As far as is known: it has not been closed."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    def close(self) -> None:
        self._writer.close()


class Idle:
    """Connections that wait some seconds for another request: making one costs as much as answering it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Upstream]] = []

    def take(self, address: Address) -> Upstream | None:
        """The one to `address` that was used last."""
        self._drop_old()
        for one in reversed(self._waiting):
            if one[1].address == address:
                self._waiting.remove(one)
                return one[1]
        return None

    def give(self, upstream: Upstream) -> None:
        self._waiting.append((time.monotonic(), upstream))
        self._drop_old()

    def _drop_old(self) -> None:
        """Those that have waited long, or were closed, and the oldest of too many."""
        oldest = time.monotonic() - _IDLE_SECONDS
        kept = [one for one in self._waiting[-_MOST_IDLE:] if one[0] > oldest and one[1].lives]
        for one in self._waiting:
            if one not in kept:
                one[1].close()
        self._waiting = kept
