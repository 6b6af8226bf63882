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

_CONNECT_SECONDS = 5
_READ_BYTES = 256 * 1024
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_OURS = frozenset((b"authorization",))  # the token of this server is none of the pod's business
Headers = list[tuple[bytes, bytes]]


async def connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """ApiError 503 when nobody answers there."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await asyncio.open_connection(*address)
    except (OSError, TimeoutError) as error:
        raise unreachable(f"dial tcp {address[0]}:{address[1]}: {error or 'i/o timeout'}") from None


def end_to_end(headers: Headers, but: frozenset[bytes] = frozenset()) -> Headers:
    """What is meant for the other end: without hop-by-hop headers, also those that Connection names."""
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    drop = _HOP_BY_HOP | {one.strip().lower() for one in named.split(b",")} | but
    return [(name, value) for name, value in headers if name.lower() not in drop]


class Forward(Response):
    """An answer that is fetched while it is sent; made by `opened`."""

    def __init__(self, address: Address, path: str, request: Request) -> None:
        self.address, self.path, self.request = address, path, request
        self.background = None

    @classmethod
    async def opened(cls, address: Address, path: str, request: Request) -> Forward:
        """Connected and asked, its head received. ApiError 503 when that fails."""
        forward = cls(address, path, request)
        forward.reader, forward.writer = await connect(address)
        try:
            await forward._ask()
        except BaseException:
            await forward._close()
            raise
        return forward

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def _ask(self) -> None:
        self.connection = h11.Connection(h11.CLIENT)
        self.sending = asyncio.create_task(self._send_request())
        try:
            self.head = await self._next_head()
        except (OSError, h11.ProtocolError) as error:
            raise unreachable(f"{self.address[0]}:{self.address[1]}: {error or 'connection lost'}") from None

    def _request_headers(self) -> Headers:
        headers = end_to_end(self.request.headers.raw, _OURS)
        if "transfer-encoding" in self.request.headers:
            headers.append((b"transfer-encoding", b"chunked"))
        client = self.request.client.host if self.request.client else "127.0.0.1"
        headers += [
            (b"x-forwarded-for", client.encode()),
            (b"x-forwarded-host", self.request.headers.get("host", "").encode()),
            (b"x-forwarded-uri", self.request.scope["raw_path"]),
        ]
        return [*headers, (b"connection", b"close")]

    async def _send_request(self) -> None:
        """The head, the body as it comes, and then an ear for a client that goes away, which ends it all."""
        query = self.request.scope["query_string"].decode("latin-1")
        target = f"{self.path}?{query}" if query else self.path
        head = h11.Request(method=self.request.method, target=target, headers=self._request_headers())
        with contextlib.suppress(OSError):  # it may answer without reading all; what it says then counts
            await self._write(head)
            more = True
            while more:
                message = await self.request.receive()
                if message["type"] == "http.disconnect":
                    return self.writer.close()
                if body := message.get("body", b""):
                    await self._write(h11.Data(data=body))
                more = message.get("more_body", False)
            await self._write(h11.EndOfMessage())
        while (await self.request.receive())["type"] != "http.disconnect":
            pass
        self.writer.close()

    async def _write(self, event: h11.Event) -> None:
        self.writer.write(self.connection.send(event) or b"")
        await self.writer.drain()

    async def _next_head(self) -> h11.Response:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("closed before it answered")

    async def _next_event(self) -> h11.Event:
        while True:
            event = self.connection.next_event()
            if event is h11.NEED_DATA:
                self.connection.receive_data(await self.reader.read(_READ_BYTES))
            elif isinstance(event, h11.Event):
                return event
            else:  # paused: the other end wants to speak something else now
                return h11.ConnectionClosed()

    async def _body(self) -> AsyncIterator[bytes]:
        """Raises when the other end breaks off in the middle."""
        while isinstance(event := await self._next_event(), h11.Data):
            yield bytes(event.data)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = end_to_end(list(self.head.headers))
            await send({"type": "http.response.start", "status": self.head.status_code, "headers": headers})
            async for chunk in self._body():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (OSError, h11.ProtocolError):
            return  # half an answer: the server closes the client's connection, which says so
        finally:
            await self._close()

    async def _close(self) -> None:
        self.sending.cancel()
        self.writer.close()
