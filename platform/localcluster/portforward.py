"""Ports of a pod over one websocket, as `kubectl port-forward` asks; those on which its processes listen.

Two ways to say it: kubectl sends SPDY in the websocket, two streams for each connection; others have two
channels for each port, for one connection (v4.channel.k8s.io). The table of kinds leads here.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from localcluster import containers, remote, spdy
from localcluster.doors import Door
from localcluster.status import bad_request

Obj = dict[str, Any]
Tell = Callable[[bytes], Awaitable[None]]
_SPDY, _CHANNELS = "SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io"
_CHUNK_BYTES, _WAITING = 32 * 1024, 16  # chunks for a pod that reads slowly are held here, then at the client


async def forward(door: Door, pod: Obj, scope: Scope, receive: Receive, send: Send) -> None:
    """Carries connections until the client leaves. ApiError before it begins."""
    protocol = remote.subprotocol(scope, (_SPDY, _CHANNELS))
    containers.check_running(pod)
    ports = [_port(text) for text in QueryParams(scope["query_string"]).getlist("ports")]
    if protocol == _CHANNELS and not ports:
        raise bad_request('query parameter "ports" is required')
    await receive()
    await send({"type": "websocket.accept", "subprotocol": protocol})
    way: _Way = _Streams(door, pod, send) if protocol == _SPDY else _Channels(door, pod, send, ports)
    try:
        await way.begin()
        while (event := await receive())["type"] == "websocket.receive":
            await way.take(event.get("bytes") or b"")
    except spdy.Broken:
        await send({"type": "websocket.close", "code": 1002})
    finally:
        await way.end()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise bad_request(f"invalid port {text[:20]!r}: must be between 1 and 65535")
    return int(text)


class _Lane:
    """One connection to a port of the pod."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self._deaf = False

    async def feed(self, data: bytes) -> None:
        """For the pod; nothing is its end. What it takes no more is lost."""
        if not self._deaf:
            await self._waiting.put(data)

    async def run(self, door: Door, pod: Obj, port: int, tell: Tell) -> None:
        """Until the pod has closed it. Raises OSError, with words, where nothing of the pod listens."""
        try:
            await self._carry(door, pod, port, tell)
        finally:
            self._close()

    async def _carry(self, door: Door, pod: Obj, port: int, tell: Tell) -> None:
        address = door.pod_port(pod, port)
        if address is None:
            name = pod["metadata"]["name"]
            raise OSError(
                f"error forwarding port {port} to pod {name}: connection refused: nothing listens there"
            )
        reader, writer = await asyncio.open_connection(*address)
        upward = asyncio.create_task(self._upward(writer))
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await tell(chunk)
        finally:
            upward.cancel()
            writer.close()

    async def _upward(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await self._waiting.get():
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
        self._close()

    def _close(self) -> None:
        """Lets go whoever waits to be heard."""
        self._deaf = True
        while not self._waiting.empty():
            self._waiting.get_nowait()


class _Way:
    """How connections are told apart; each has a task, which `end` ends."""

    def __init__(self, door: Door, pod: Obj, send: Send) -> None:
        self._door, self._pod, self._send = door, pod, send
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Once the websocket is open."""

    async def take(self, message: bytes) -> None:
        raise NotImplementedError

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, lane: _Lane, port: int, tell: Tell, fail: Tell) -> asyncio.Task[None]:
        async def carry() -> None:
            words = b""
            try:
                await lane.run(self._door, self._pod, port, tell)
            except OSError as error:
                words = str(error).encode()
            await fail(words)  # empty where all went well

        task = asyncio.create_task(carry())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _say(self, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": data})


class _Channels(_Way):
    """Two for each port: an even one for its data, the next for what goes wrong."""

    def __init__(self, door: Door, pod: Obj, send: Send, ports: list[int]) -> None:
        super().__init__(door, pod, send)
        self._ports = ports
        self._lanes = [_Lane() for _ in ports]

    async def begin(self) -> None:
        for index, port in enumerate(self._ports):
            for channel in (2 * index, 2 * index + 1):
                await self._say(bytes([channel]) + struct.pack("<H", port))
            self._start(self._lanes[index], port, self._teller(2 * index), self._teller(2 * index + 1))

    def _teller(self, channel: int) -> Tell:
        async def tell(data: bytes) -> None:
            if data:
                await self._say(bytes([channel]) + data)

        return tell

    async def take(self, message: bytes) -> None:
        if message[1:] and message[0] % 2 == 0 and message[0] // 2 < len(self._lanes):
            await self._lanes[message[0] // 2].feed(message[1:])


class _Stream(NamedTuple):
    """One for data: its lane, the task of that, and the stream that is to tell of what goes wrong."""

    lane: _Lane
    task: asyncio.Task[None]
    errors: int


class _Streams(_Way):
    """SPDY: for each connection a stream for what goes wrong, then one for its data, of the same request."""

    def __init__(self, door: Door, pod: Obj, send: Send) -> None:
        super().__init__(door, pod, send)
        self._codec = spdy.Codec()
        self._open: dict[int, _Stream] = {}
        self._errors: dict[str, int] = {}  # the streams that are to tell of them, by request

    async def take(self, message: bytes) -> None:
        for frame in self._codec.frames(message):
            if frame.kind == spdy.SYN_STREAM:
                await self._begin(frame)
            elif frame.kind == spdy.PING:
                await self._say(spdy.ping(frame.stream))
            elif frame.kind == spdy.RST_STREAM:
                await self._drop(frame.stream)
            elif found := self._open.get(frame.stream):
                await self._pass_on(found.lane, frame)

    async def _pass_on(self, lane: _Lane, frame: spdy.Frame) -> None:
        if frame.kind == spdy.DATA and frame.data:
            await lane.feed(frame.data)
        if frame.fin:
            await lane.feed(b"")

    async def _drop(self, stream: int) -> None:
        """The client wants no more of it, and waits to hear that nothing went wrong."""
        if found := self._open.pop(stream, None):
            found.task.cancel()
            await self._say(spdy.data(found.errors, b"", fin=True))

    async def _begin(self, frame: spdy.Frame) -> None:
        request, stream = frame.headers.get("requestid", ""), frame.stream
        port = frame.headers.get("port", "")
        await self._say(self._codec.reply(stream))
        if frame.headers.get("streamtype") == "error":
            self._errors[request] = stream
        elif request in self._errors and port.isascii() and port.isdigit() and len(port) < 6:
            lane, told = _Lane(), self._errors.pop(request)
            task = self._start(lane, int(port), self._teller(stream), self._ender(stream, told))
            self._open[stream] = _Stream(lane, task, told)

    def _teller(self, stream: int) -> Tell:
        async def tell(data: bytes) -> None:
            await self._say(spdy.data(stream, data))

        return tell

    def _ender(self, stream: int, errors: int) -> Tell:
        async def end(words: bytes) -> None:
            self._open.pop(stream, None)
            await self._say(spdy.data(errors, words, fin=True))
            await self._say(spdy.data(stream, b"", fin=True))

        return end
