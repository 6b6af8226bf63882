"""One websocket to a tool: accepted once the tool has accepted it, relayed both ways, its right asked again.

A message waits until the other side has taken the one before: neither side fills our memory.
"""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from runyard.connect.headers import of_handshake
from runyard.connect.passage import Passage, Receive, Send
from runyard.connect.upstream import MOST_MESSAGE_BYTES, client, way

CHECK_SECONDS = 30.0
GOING_AWAY, REFUSED, FAILED = 1001, 1008, 1011


async def tunnel(passage: Passage) -> None:
    """Closes the browser's side in each case; raises nothing."""
    await passage.receive()  # the handshake
    send, target = passage.send, passage.target
    try:
        async with client().ws_connect(
            passage.asked.at(target.base),
            protocols=passage.scope.get("subprotocols", ()),
            max_msg_size=MOST_MESSAGE_BYTES,
            **way(target, of_handshake(passage.headers)),
        ) as tool:
            await send({"type": "websocket.accept", "subprotocol": tool.protocol})
            await _relay(tool, passage.receive, send, passage.still)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        await send({"type": "websocket.close", "code": FAILED})


async def _relay(
    tool: aiohttp.ClientWebSocketResponse, receive: Receive, send: Send, still: Callable[[], Awaitable[bool]]
) -> None:
    """Until either side closes or the right is gone."""
    leaving = asyncio.create_task(_to_tool(tool, receive))
    others = [asyncio.create_task(_from_tool(tool, send)), asyncio.create_task(_while(still))]
    try:
        done, _ = await asyncio.wait({leaving, *others}, return_when=asyncio.FIRST_COMPLETED)
        if leaving in done:
            await tool.close(code=_code(leaving.result()))
        else:
            await send({"type": "websocket.close", "code": done.pop().result()})
    finally:
        for task in (leaving, *others):
            task.cancel()
        await asyncio.gather(leaving, *others, return_exceptions=True)


async def _to_tool(tool: aiohttp.ClientWebSocketResponse, receive: Receive) -> int | None:
    """The code with which the browser has closed: nothing can be sent there any more."""
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") is not None:
            await tool.send_str(event["text"])
        else:
            await tool.send_bytes(event["bytes"])
    return event.get("code")


async def _from_tool(tool: aiohttp.ClientWebSocketResponse, send: Send) -> int:
    async for message in tool:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})
    return _code(tool.close_code)


async def _while(still: Callable[[], Awaitable[bool]]) -> int:
    while await still():  # noqa: ASYNC110 - a right is asked for, not waited for
        await asyncio.sleep(CHECK_SECONDS)
    return REFUSED


def _code(code: int | None) -> int:
    """One that may be sent: RFC 6455, 7.4."""
    if code is None or not (1000 <= code <= 1014 or 3000 <= code < 5000) or code in (1004, 1005, 1006):
        return GOING_AWAY
    return code
