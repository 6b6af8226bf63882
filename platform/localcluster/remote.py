"""Commands beside a pod's container, and what it says itself, over a websocket (v4 and v5.channel.k8s.io), as
`kubectl exec` and `kubectl attach` ask for.

Each message begins with the number of its channel. The table of kinds leads here; `node.sessions` runs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from localcluster import containers
from localcluster.doors import Door, Session
from localcluster.logoptions import FellBehind
from localcluster.status import bad_request, expired

log = logging.getLogger(__name__)
Obj = dict[str, Any]
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_FLAGS = ("true", "1")
_HELD_BYTES = 1 << 20  # of input that the command has not taken yet; more waits at the client
_LOOK_SECONDS = 1.0


def subprotocol(scope: Scope, offered: tuple[str, ...]) -> str:
    """The first of ours that the client speaks. ApiError 400 where it speaks none."""
    asked = scope.get("subprotocols") or []
    found = next((one for one in offered if one in asked), None)
    if found is None:
        raise bad_request(
            f"the client speaks none of {', '.join(offered)}, but {', '.join(asked) or 'nothing'}"
        )
    return found


async def execute(door: Door, pod: Obj, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs the command that the query names until it ends or the client leaves. ApiError before it starts."""
    query = QueryParams(scope["query_string"])
    protocol = subprotocol(scope, _PROTOCOLS)
    command, tty = query.getlist("command"), query.get("tty") in _FLAGS
    if not command:
        raise bad_request("you must specify at least 1 command for the container")
    channels = _channels(query)
    containers.check_running(pod)
    container = containers.container(pod, query.get("container", ""))
    session = await door.session(pod, container, command, tty=tty, stdin=_STDIN in channels)
    try:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": protocol})
        await _Exchange(session, channels, scope["path"], receive, send).run()
    finally:
        session.kill()


async def attach(door: Door, pod: Obj, scope: Scope, receive: Receive, send: Send) -> None:
    """What the container says from now on, until its run is over or the client leaves. ApiError before."""
    query = QueryParams(scope["query_string"])
    protocol, channels = subprotocol(scope, _PROTOCOLS), _channels(query)
    if _STDIN in channels or query.get("tty") in _FLAGS:
        raise bad_request("containers here have no standard input and no terminal; attach without -i and -t")
    containers.check_running(pod)
    session = door.attached(pod, containers.container(pod, query.get("container", "")))
    await receive()
    await send({"type": "websocket.accept", "subprotocol": protocol})
    await _Exchange(session, channels, scope["path"], receive, send).run()


def _channels(query: QueryParams) -> set[int]:
    wanted = {_STDIN: "stdin", _STDOUT: "stdout", _STDERR: "stderr"}
    channels = {number for number, name in wanted.items() if query.get(name) in _FLAGS}
    if not channels:
        raise bad_request("you must specify at least one of stdin, stdout, stderr")
    return channels


class _Exchange:
    """One command and its client: what either says goes to the other, and at the end how it went."""

    def __init__(self, session: Session, channels: set[int], path: str, receive: Receive, send: Send) -> None:
        self._session, self._channels, self._path = session, channels, path
        self._receive, self._send = receive, send
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()  # input; None is its end
        self._held, self._room = 0, asyncio.Event()

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen())
        telling = asyncio.create_task(self._tell())
        feeding = asyncio.create_task(self._feed())
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, telling, feeding):
                task.cancel()
            await asyncio.gather(listening, telling, feeding, return_exceptions=True)

    async def _listen(self) -> None:
        """Returns when the client has gone."""
        while (event := await self._receive())["type"] == "websocket.receive":
            data = event.get("bytes") or b""
            if not data:
                continue
            channel, rest = data[0], data[1:]
            if channel == _STDIN and _STDIN in self._channels:
                await self._hold(rest)
            elif channel == _RESIZE:
                self._resize(rest)
            elif channel == _CLOSE and rest[:1] == bytes([_STDIN]):
                self._waiting.put_nowait(None)

    async def _hold(self, data: bytes) -> None:
        """Until the command has taken enough. A client that is not read is seen to have gone by speaking."""
        self._waiting.put_nowait(data)
        self._held += len(data)
        while self._held > _HELD_BYTES:
            await self._say(_STDOUT, b"")
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), _LOOK_SECONDS)

    async def _feed(self) -> None:
        """The command's input, as fast as it reads."""
        while (data := await self._waiting.get()) is not None:
            await self._session.write(data)
            self._held -= len(data)
            self._room.set()
        self._session.close_input()

    def _resize(self, data: bytes) -> None:
        """A size that is none is passed over: the terminal stays as it was."""
        with contextlib.suppress(msgspec.DecodeError, AttributeError, TypeError, ValueError):
            size: Mapping[str, int] = msgspec.json.decode(data)
            self._session.resize(int(size.get("Width", 0)), int(size.get("Height", 0)))

    async def _tell(self) -> None:
        """All that the command says, then how it ended, or that the client was too slow for what it says."""
        try:
            async with asyncio.TaskGroup() as group:
                for channel in (_STDOUT, _STDERR):
                    group.create_task(self._pass_on(channel))
            ending = _ending(await self._session.ended())
        except* FellBehind:
            log.warning("%s is cut off: its reader is too slow", self._path)
            ending = expired("what the container says was read too slowly; attach again").status()
        await self._say(_ERROR, msgspec.json.encode(ending))
        await self._send({"type": "websocket.close", "code": 1000})

    async def _pass_on(self, channel: int) -> None:
        async for chunk in self._session.output(error=channel == _STDERR):
            if channel in self._channels:
                await self._say(channel, chunk)

    async def _say(self, channel: int, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": bytes([channel]) + data})


def _ending(code: int) -> Obj:
    """The Status that clients read the exit code from."""
    if not code:
        return {"metadata": {}, "status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: exit status {code}"
    told = {"metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode"}
    return told | {"details": {"causes": causes}}
