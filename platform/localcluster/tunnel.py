"""Carries one websocket to a pod and back: taken once the pod has taken it. See `proxy`."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from localcluster.doors import Address
from localcluster.forward import Headers, end_to_end
from localcluster.status import ApiError

_CONNECT_SECONDS, _CLOSE_SECONDS, _MOST_MESSAGE_BYTES = 5, 2, 16 * 2**20
_HANDSHAKE = frozenset(b"host authorization sec-websocket-key sec-websocket-version".split()) | frozenset(
    b"sec-websocket-extensions sec-websocket-protocol content-length".split()
)
_GOING_AWAY = 1001


async def carry(address: Address, path: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Returns when either side has closed. A pod that takes no websocket refuses in its own words."""
    await receive()
    query = scope["query_string"].decode("latin-1")
    headers = dict(scope["headers"])
    uri = f"ws://{headers.get(b'host', b'pod').decode('latin-1')}{path}{'?' + query if query else ''}"
    try:
        pod = await connect(
            uri,
            host=address[0],
            port=address[1],
            additional_headers=_text(end_to_end(scope["headers"], _HANDSHAKE)),
            subprotocols=scope.get("subprotocols") or None,
            compression=None,
            user_agent_header=None,
            open_timeout=_CONNECT_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            max_size=_MOST_MESSAGE_BYTES,
            max_queue=1,  # messages that wait for a slow reader are held here, however large
            proxy=None,
        )
    except InvalidStatus as error:
        return await _refuse(send, error.response.status_code, bytes(error.response.body or b""))
    except (OSError, TimeoutError, InvalidHandshake) as error:
        return await _refuse(send, 503, f"error trying to reach service: {error}".encode())
    async with pod:
        await send({"type": "websocket.accept", "subprotocol": pod.subprotocol})
        await _relay(pod, receive, send)


async def refuse(error: ApiError, send: Send) -> None:
    """As an answer to the handshake: a websocket that is not open cannot say why."""
    await _refuse(send, error.code, str(error).encode())


async def _relay(pod: ClientConnection, receive: Receive, send: Send) -> None:
    ways = {asyncio.create_task(_to_pod(pod, receive)), asyncio.create_task(_from_pod(pod, send))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _to_pod(pod: ClientConnection, receive: Receive) -> None:
    with contextlib.suppress(ConnectionClosed):
        while (event := await receive())["type"] == "websocket.receive":
            await pod.send(event["text"] if event.get("text") is not None else event["bytes"])
        await pod.close(_sendable(event.get("code")))


async def _from_pod(pod: ClientConnection, send: Send) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in pod:
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    await send({"type": "websocket.close", "code": _sendable(pod.close_code)})


def _sendable(code: int | None) -> int:
    """RFC 6455, 7.4: some codes only say what happened here."""
    if code is None or code in (1004, 1005, 1006, 1015) or not 1000 <= code < 5000:
        return _GOING_AWAY
    return code


def _text(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


async def _refuse(send: Send, status: int, body: bytes) -> None:
    start = {"type": "websocket.http.response.start", "status": status, "headers": []}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
