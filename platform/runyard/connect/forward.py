"""One HTTP request to a tool and its answer back, both as streams: memory is bounded by a few chunks.

An answer that breaks off breaks off here too, so that nobody takes half of it for the whole.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

import aiohttp

from runyard.connect.headers import Headers, from_tool
from runyard.connect.knocking import NO_RIGHT
from runyard.connect.line import SILENT_SECONDS, Unopened
from runyard.connect.passage import Passage, Receive, Send
from runyard.connect.targets import Target
from runyard.connect.upstream import client, lines, way

log = logging.getLogger(__name__)
SOON_SECONDS, CHECK_SECONDS = 1.0, 30.0
_NOBODY = "The cluster cannot reach it: its pod is gone, or nothing listens on its port."


class NoAnswer(Exception):
    """The tool, or the cluster on the way to it, gave no answer; the message says what happened."""

    def __init__(self, words: str, status: int = 502):
        super().__init__(words)
        self.status = status


class Unreached(NoAnswer):
    """The cluster has no such pod any more, or nothing listens there yet: it may come back elsewhere."""


class _Gone(Exception):
    """The browser does not wait any more."""


class Body:
    """The body of a request, as it comes; tells when it is through and when the browser has gone."""

    def __init__(self, receive: Receive):
        self._receive, self._through = receive, asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise _Gone
            more = event.get("more_body", False)
            if event.get("body"):
                yield event["body"]
        self._through.set()

    def none(self) -> None:
        self._through.set()

    async def gone(self) -> None:
        """Returns when the browser has hung up, which can only be seen once the body is through."""
        await self._through.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Reply:
    """What the browser is sent, and whether that has begun: then nothing else can be said."""

    def __init__(self, send: Send):
        self._send, self.begun = send, False

    async def __call__(self, event: dict[str, Any]) -> None:
        self.begun = True
        await self._send(event)


class Watch:
    """Ends an exchange, whose `limit` it has, when the browser hangs up or the visit does not hold any more.

    It begins when an exchange has lasted SOON_SECONDS: most are over by then.
    """

    def __init__(self, passage: Passage, body: Body):
        self._passage, self._body = passage, body
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.call_later(SOON_SECONDS, self._begin)
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self.limit, self.holds = asyncio.timeout(None), True

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        gone = self._loop.create_task(self._body.gone())
        try:
            while not (await asyncio.wait({gone}, timeout=CHECK_SECONDS))[0]:
                self.holds = False  # also where it cannot be told
                self.holds = await self._passage.still()
                if not self.holds:
                    return
        except Exception:
            log.exception("whether a visit holds cannot be told: it ends")
        finally:
            gone.cancel()
            if not self._stopped:
                self.limit.reschedule(self._loop.time())

    async def stop(self) -> None:
        self._stopped = True
        self._start.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def forward(passage: Passage) -> None:
    """Raises NoAnswer while nothing was sent yet; what fails later ends the connection.

    Whether the visit holds is asked while a long body is under way, in either direction.
    """
    body, reply = Body(passage.receive), Reply(passage.send)
    watch = Watch(passage, body)
    try:
        async with watch.limit:
            await _exchange(passage, body, reply)
    except TimeoutError:
        if not watch.holds and not reply.begun:
            raise NoAnswer("You are not let in any more.", 403) from None
    finally:
        await watch.stop()


async def _exchange(passage: Passage, body: Body, reply: Reply) -> None:
    carry = _straight if _is_simple(passage) else _by_client
    with suppress(_Gone):
        try:
            await carry(passage, body, reply)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if not reply.begun:
                raise _words(error, passage.target) from error
            log.info("a tool's answer broke off, and so does ours: %s", error)


def _is_simple(passage: Passage) -> bool:
    return (
        passage.target.direct and passage.scope["method"] in ("GET", "HEAD") and not _has_body(passage.scope)
    )


async def _straight(passage: Passage, body: Body, reply: Reply) -> None:
    body.none()
    asked, method = passage.asked.whole, passage.scope["method"].encode()
    async with lines().asked(passage.target.place, method, asked, passage.headers) as line:
        headers = _headers(line.status, line.headers, "", False)
        await reply({"type": "http.response.start", "status": line.status, "headers": headers})
        more = True
        while more:
            piece = await line.piece()
            more = bool(piece) and not line.is_through
            await reply({"type": "http.response.body", "body": piece, "more_body": more})


async def _by_client(passage: Passage, body: Body, reply: Reply) -> None:
    scope, target = passage.scope, passage.target
    async with client().request(
        scope["method"],
        passage.asked.at(target.base),
        data=_data(scope, body),
        allow_redirects=False,
        **way(target, [*passage.headers, *_length(scope)]),
    ) as answer:
        await _relay(answer, await _refused(answer, target), reply, target)


def _length(scope: dict[str, Any]) -> Headers:
    """None beside a transfer encoding (RFC 9112, 6.3): a wrong one makes a second request of the rest."""
    if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
        return []
    return [(name, value) for name, value in scope["headers"] if name == b"content-length"]


def _has_body(scope: dict[str, Any]) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _data(scope: dict[str, Any], body: Body) -> AsyncIterator[bytes] | None:
    if _has_body(scope):
        return body.chunks()
    body.none()
    return None


async def _refused(answer: aiohttp.ClientResponse, target: Target) -> bytes:
    """The start of an answer that may be the API server's own, for a pod it cannot reach. Raises NoAnswer."""
    if target.direct or answer.status < 400 or answer.content_type != "application/json":
        return b""
    start = await answer.content.read(65_536)
    if start.lstrip().replace(b" ", b"").startswith(b'{"kind":"Status"'):
        raise Unreached(NO_RIGHT if answer.status in (401, 403) else _NOBODY, 503)
    return start


async def _relay(answer: aiohttp.ClientResponse, first: bytes, send: Reply, target: Target) -> None:
    rewriting = _is_rewritten(answer, target)
    headers = _headers(answer.status, answer.raw_headers, target.prefix, rewriting)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    held, prefix = first, target.prefix.encode()
    async for chunk in _pieces(answer):
        if rewriting:
            chunk, held = unprefix(held + chunk, prefix)
        elif held:
            chunk, held = held + chunk, b""
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": held})


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Its body as it was read from the socket: joined, it would be copied once more."""
    content = answer.content
    if "Transfer-Encoding" in answer.headers:  # its chunks may be a few bytes each
        async for piece in content.iter_any():
            yield piece
        return
    while not content.at_eof():
        yield (await content.readchunk())[0]


def _headers(status: int, raw: Iterable[tuple[bytes, bytes]], prefix: str, rewriting: bool) -> Headers:
    """Raises ValueError for an answer that is none: a status that ends nothing, or that nobody knows."""
    if not 200 <= status < 600:
        raise ValueError(f"status {status}")
    untrue = {b"content-length", b"etag"} if rewriting else set()
    if status in (204, 304):  # it has no body, and our server would wait for one
        untrue |= {b"content-length"}
    return [(name, value) for name, value in from_tool(raw, prefix) if name not in untrue]


def _is_rewritten(answer: aiohttp.ClientResponse, target: Target) -> bool:
    """The API server's proxy puts its own path before the links of pages it understands."""
    return (
        not target.direct
        and answer.content_type == "text/html"
        and answer.headers.get("Content-Encoding", "identity") == "identity"
    )


def unprefix(data: bytes, prefix: bytes) -> tuple[bytes, bytes]:
    """`data` without `prefix`, and its end, held back where `prefix` may have begun."""
    data = data.replace(prefix, b"")
    for size in range(min(len(prefix) - 1, len(data)), 0, -1):
        if data.endswith(prefix[:size]):
            return data[:-size], data[-size:]
    return data, b""


def _words(error: BaseException, target: Target) -> NoAnswer:
    if isinstance(error, (aiohttp.ClientConnectorError, Unopened)):
        if target.direct:
            return Unreached(_NOBODY, 503)
        return NoAnswer("The cluster does not answer. It may be restarting; try again in a moment.")
    if isinstance(error, TimeoutError):
        return NoAnswer(f"It sent nothing for {SILENT_SECONDS:.0f} seconds. Its log may say why.", 504)
    return NoAnswer("It broke off before it answered, or what it sent is no HTTP. Its log may say why.")
