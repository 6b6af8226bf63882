"""Carries one HTTP request to an address of this machine, and its answer back as it comes. See `proxy`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import h11
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from localcluster.doors import Address
from localcluster.proxy import unreachable
from localcluster.status import bad_request

_CONNECT_SECONDS = 5
_READ_BYTES = 256 * 1024
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_OURS = frozenset((b"authorization",))  # the token of this server is none of the pod's business
Headers = list[tuple[bytes, bytes]]


class Upstream:
    """The other end: one connection, for one request and its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.CLIENT)

    @classmethod
    async def reached(cls, address: Address) -> Upstream:
        """ApiError 503 when nobody answers there."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return cls(*await asyncio.open_connection(*address))
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

    def close(self) -> None:
        self._writer.close()


def end_to_end(headers: Headers, but: frozenset[bytes] = frozenset()) -> Headers:
    """What is meant for the other end: without hop-by-hop headers, also those that Connection names."""
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    drop = _HOP_BY_HOP | {one.strip().lower() for one in named.split(b",")} | but
    return [(name, value) for name, value in headers if name.lower() not in drop]


class Forward(Response):
    """An answer whose head is here and whose body is fetched while it is sent; made by `forward`."""

    def __init__(self, upstream: Upstream, head: h11.Response, asking: asyncio.Task[None]) -> None:
        self.upstream, self.head, self.asking = upstream, head, asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = end_to_end(list(self.head.headers))
            await send({"type": "http.response.start", "status": self.head.status_code, "headers": headers})
            async for chunk in self.upstream.body():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (OSError, h11.ProtocolError):
            return  # half an answer: the server closes the client's connection, which says so
        finally:
            self.asking.cancel()
            self.upstream.close()


async def forward(address: Address, path: str, request: Request) -> Forward:
    """Asks what `request` asks, at `path`. ApiError 503 without an answer, 400 for no valid HTTP."""
    try:
        head = _head(path, request)
    except h11.LocalProtocolError as error:
        raise bad_request(f"the request cannot be passed on: {error}") from None
    upstream = await Upstream.reached(address)
    asking = asyncio.create_task(_ask(upstream, head, request))
    try:
        return Forward(upstream, await upstream.head(), asking)
    except BaseException as error:
        asking.cancel()
        upstream.close()
        if isinstance(error, (OSError, h11.ProtocolError)):
            raise unreachable(f"{address[0]}:{address[1]}: {error or 'connection lost'}") from None
        raise


def _head(path: str, request: Request) -> h11.Request:
    query = request.scope["query_string"].decode("latin-1")
    headers = end_to_end(request.headers.raw, _OURS)
    if "transfer-encoding" in request.headers:
        headers.append((b"transfer-encoding", b"chunked"))
    headers += [
        (b"x-forwarded-for", (request.client.host if request.client else "127.0.0.1").encode()),
        (b"x-forwarded-host", request.headers.get("host", "").encode("latin-1")),
        (b"x-forwarded-uri", request.scope["raw_path"]),
        (b"connection", b"close"),
    ]
    target = f"{path}?{query}" if query else path
    return h11.Request(method=request.method, target=target, headers=headers)


async def _ask(upstream: Upstream, head: h11.Request, request: Request) -> None:
    """The head, the body as it comes, and then an ear for a client that goes away, which ends it all."""
    more = True
    with contextlib.suppress(OSError, h11.LocalProtocolError):  # answered early: that answer counts
        await upstream.send(head)
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                return upstream.close()
            if body := message.get("body", b""):
                await upstream.send(h11.Data(data=body))
            more = message.get("more_body", False)
        await upstream.send(h11.EndOfMessage())
    while (await request.receive())["type"] != "http.disconnect":
        pass
    upstream.close()
