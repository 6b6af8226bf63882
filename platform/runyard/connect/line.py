"""HTTP/1.1 straight to a pod for what has no body: most of a page, and the large files that one looks at.

A body whose length is known is passed on as it was read: nothing looks at it on the way, a quarter of
the work less. Called by `forward`; whatever else is asked goes by the client of `upstream`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import cast

import httptools

from runyard.connect.addresses import Resolver
from runyard.connect.headers import Headers

CONNECT_SECONDS, SILENT_SECONDS, IDLE_SECONDS = 5.0, 60.0, 30.0
MOST_IDLE, MOST_HEAD_BYTES, MOST_HELD_BYTES = 64, 65_536, 2**19
Place = tuple[str, int]
#: What tools written by hand may send, and the client of `upstream` takes too.
_LENIENT = dict.fromkeys(
    ("lenient_headers", "lenient_optional_cr_before_lf", "lenient_spaces_after_chunk_size"), True
)


class Closed(ConnectionError):
    """It was closed before a byte of the answer came."""


class Unopened(ConnectionError):
    """Nobody takes a connection there."""


class Line(asyncio.Protocol):
    """One connection, for one GET or HEAD at a time. Raises OSError, TimeoutError and ValueError."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._begin(b"")

    def _begin(self, method: bytes) -> None:
        self._parser, self._method = httptools.HttpResponseParser(self), method
        self._parser.set_dangerous_leniencies(**_LENIENT)
        self._pieces: deque[bytes] = deque()
        self._held = self._heard = self._around = self._left = 0
        self._has_head = self._is_whole = self._is_last = self._ends_by_closing = False
        self.status, self.headers = 0, cast(Headers, [])

    async def ask(self, method: bytes, path: bytes, headers: Headers) -> None:
        """Returns with `status` and `headers` of the answer. Raises Closed where one may ask elsewhere."""
        fields = b"".join(b"%b: %b\r\n" % field for field in headers)
        if fields.count(b"\n") + fields.count(b"\r") != 2 * len(headers):
            raise ValueError("a header holds a line's end")
        self._begin(method)
        self._transport.write(b"%b %b HTTP/1.1\r\n%b\r\n" % (method, path, fields))
        while not self._has_head:
            await self._more()

    async def piece(self) -> bytes:
        """More of the body; nothing at its end."""
        while not self._pieces:
            if self._is_whole:
                return b""
            await self._more()
        piece = self._pieces.popleft()
        if self._held >= MOST_HELD_BYTES > self._held - len(piece):
            self._transport.resume_reading()
        self._held -= len(piece)
        return piece

    @property
    def is_through(self) -> bool:
        """Whether there is no more of the body than was given."""
        return self._is_whole and not self._pieces

    @property
    def is_free(self) -> bool:
        """Whether it may be asked again."""
        return self.is_through and not self._is_last and self._error is None

    def close(self) -> None:
        self._transport.abort()

    async def _more(self) -> None:
        if self._error:
            raise self._error
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        silence = loop.call_later(SILENT_SECONDS, self._is_silent, self._waiter)
        try:
            await self._waiter
        finally:
            silence.cancel()

    @staticmethod
    def _is_silent(waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            waiter.set_exception(TimeoutError("it says nothing"))

    # -- called by the transport ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        if self._left:
            self._take(data)
        elif self._is_whole:
            self._fail("it said more than its answer")
        else:
            self._parse(data)
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if self._error is None:
            self._is_whole |= self._ends_by_closing and error is None
            self._error = ConnectionResetError("it closed") if self._heard else Closed("it closed")
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self, data: bytes) -> None:
        """Of a body of known length, `_left` of which is to come."""
        if len(data) > self._left:
            return self._fail("it said more than its answer")
        self._left -= len(data)
        self._is_whole = not self._left
        self._keep(data)

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._held += len(data)
        if self._held - len(data) < MOST_HELD_BYTES <= self._held:
            self._transport.pause_reading()

    def _parse(self, data: bytes) -> None:
        self._around += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return self._fail(f"no HTTP: {error}")
        if self._around > MOST_HEAD_BYTES:  # before a body, or after it: trailers
            self._fail("its headers have no end")

    def _fail(self, words: str) -> None:
        self._error = ValueError(words)
        self._transport.abort()

    # -- called by the parser ---------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # else it is a trailer
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._has_head:  # of a second answer, which nobody has asked for
            self._is_last = True
            return
        if status < 200:  # news of the one that follows
            return self.headers.clear()
        lengths = [int(value) for name, value in self.headers if name.lower() == b"content-length"]
        chunked = any(name.lower() == b"transfer-encoding" for name, _ in self.headers)
        bare = self._method == b"HEAD" or status in (204, 304)
        self.status, self._has_head, self._is_last = status, True, not self._parser.should_keep_alive()
        self._left = lengths[0] if lengths and not bare else 0
        self._is_whole = bare or lengths == [0]
        self._ends_by_closing = not (bare or chunked or lengths)

    def on_body(self, data: bytes) -> None:
        self._around = 0
        if self._left:
            self._take(data)
        elif not self._is_whole:
            self._keep(data)

    def on_message_complete(self) -> None:
        self._is_whole |= self._has_head and not self._left


class Lines:
    """Those of one event loop. They wait some seconds for another request."""

    def __init__(self) -> None:
        self._resolver = Resolver()
        self._idle: list[tuple[float, Place, Line]] = []

    @asynccontextmanager
    async def asked(self, place: Place, method: bytes, path: bytes, headers: Headers) -> AsyncIterator[Line]:
        """One with the head of the answer. Raises Unopened, and what a line raises."""
        line = await self._asked(place, method, path, headers)
        try:
            yield line
        finally:
            self._give_back(place, line)

    def close(self) -> None:
        for _, _, line in self._idle:
            line.close()
        self._idle.clear()

    async def _asked(self, place: Place, method: bytes, path: bytes, headers: Headers) -> Line:
        used = self._take(place)
        line = used or await self._open(place)
        try:
            await line.ask(method, path, headers)
        except Closed:  # while it waited: it has heard nothing, and what we ask may be asked twice
            if used is None:
                raise
            return await self._asked(place, method, path, headers)
        except BaseException:
            line.close()
            raise
        return line

    def _take(self, place: Place) -> Line | None:
        """The one to `place` that was used last, and may be used still."""
        self._drop_old()
        for found in reversed(self._idle):
            if found[1] == place and found[2].is_free:
                self._idle.remove(found)
                return found[2]
        return None

    def _give_back(self, place: Place, line: Line) -> None:
        if not line.is_free:
            return line.close()
        self._idle.append((monotonic(), place, line))
        self._drop_old()

    def _drop_old(self) -> None:
        """And the oldest of too many."""
        since = monotonic() - IDLE_SECONDS
        while self._idle and (len(self._idle) > MOST_IDLE or self._idle[0][0] <= since):
            self._idle.pop(0)[2].close()

    async def _open(self, place: Place) -> Line:
        try:
            [found, *_] = await self._resolver.resolve(*place)
            async with asyncio.timeout(CONNECT_SECONDS):
                making = asyncio.get_running_loop().create_connection(Line, found["host"], place[1])
                return (await making)[1]
        except (OSError, TimeoutError) as error:
            raise Unopened(str(error)) from error
