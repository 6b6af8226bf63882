"""Carries one HTTP request to an address of this machine, and its answer back as it comes. See `proxy`."""

from __future__ import annotations

import asyncio
import contextlib

import h11
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from localcluster.doors import Address
from localcluster.proxy import unreachable
from localcluster.status import bad_request
from localcluster.upstream import Idle, Upstream

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_OURS = frozenset((b"authorization",))  # the token of this server is none of the pod's business
_SAID_ANEW = frozenset((b"x-forwarded-host", b"x-forwarded-uri"))
_SAFE = ("GET", "HEAD")  # may be asked twice: a connection that waited may close just then
Headers = list[tuple[bytes, bytes]]


def end_to_end(headers: Headers, but: frozenset[bytes] = frozenset()) -> Headers:
    """What is meant for the other end: without hop-by-hop headers, also those that Connection names."""
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    drop = _HOP_BY_HOP | {one.strip().lower() for one in named.split(b",")} | but
    return [(name, value) for name, value in headers if name.lower() not in drop]


class Forward(Response):
    """An answer whose head is here and whose body is fetched while it is sent; made by `Carrier`."""

    def __init__(
        self, upstream: Upstream, head: h11.Response, asking: asyncio.Task[None], idle: Idle
    ) -> None:
        self.upstream, self.head, self.asking, self.idle = upstream, head, asking, idle

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
            if self.upstream.renewed():
                self.idle.give(self.upstream)
            else:
                self.upstream.close()


class Carrier:
    """Asks and answers for one server; keeps connections for what comes next."""

    def __init__(self) -> None:
        self._idle = Idle()

    async def forward(self, address: Address, path: str, request: Request) -> Forward:
        """Asks what `request` asks, at `path`. ApiError 503 without an answer, 400 for no valid HTTP."""
        try:
            head = _head(path, request)
        except h11.LocalProtocolError as error:
            raise bad_request(f"the request cannot be passed on: {error}") from None
        if request.method in _SAFE and not _has_body(request) and (used := self._idle.take(address)):
            with contextlib.suppress(OSError, h11.ProtocolError):  # closed meanwhile: it has heard nothing
                return await self._answered(used, head, request)
        upstream = await Upstream.reached(address)
        try:
            return await self._answered(upstream, head, request)
        except (OSError, h11.ProtocolError) as error:
            raise unreachable(f"{address[0]}:{address[1]}: {error or 'connection lost'}") from None

    async def _answered(self, upstream: Upstream, head: h11.Request, request: Request) -> Forward:
        asking = asyncio.create_task(_ask(upstream, head, request))
        try:
            return Forward(upstream, await upstream.head(), asking, self._idle)
        except BaseException:
            asking.cancel()
            upstream.close()
            raise


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _head(path: str, request: Request) -> h11.Request:
    query = request.scope["query_string"].decode("latin-1")
    headers = end_to_end(request.headers.raw, _OURS | _SAID_ANEW)
    if "transfer-encoding" in request.headers:  # beside it a length would be one too many
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        headers.append((b"transfer-encoding", b"chunked"))
    headers += [
        (b"x-forwarded-for", (request.client.host if request.client else "127.0.0.1").encode()),
        (b"x-forwarded-host", request.headers.get("host", "").encode("latin-1")),
        (b"x-forwarded-uri", request.scope["raw_path"]),
    ]
    target = f"{path}?{query}" if query else path
    return h11.Request(method=request.method, target=target, headers=headers)


async def _ask(upstream: Upstream, head: h11.Request, request: Request) -> None:
    """The head, the body as it comes, and then an ear for a client that goes away, which ends it all."""
    more = _has_body(request)
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
