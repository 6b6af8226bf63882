"""The tunnel of a websocket to a pod, with a client that does not read."""

import asyncio

import pytest
from websockets.asyncio.server import serve

from localcluster import tunnel

MESSAGES, BYTES = 12, 8 * 2**20


async def test_a_pod_waits_for_a_client_that_does_not_read():
    flooded, through = asyncio.Event(), asyncio.Event()

    async def flood(socket):
        flooded.set()
        for _ in range(MESSAGES):
            await socket.send(bytes(BYTES))
        through.set()

    async def send(event):
        if event["type"] == "websocket.send":
            await asyncio.Future()

    said = asyncio.Queue()
    said.put_nowait({"type": "websocket.connect"})
    async with serve(flood, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[:2]
        carried = asyncio.create_task(
            tunnel.carry(address, "/", {"query_string": b"", "headers": []}, said.get, send)
        )
        async with asyncio.timeout(30):
            await flooded.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(through.wait(), 1)
        for socket in list(server.connections):
            socket.transport.abort()
        carried.cancel()
        await asyncio.gather(carried, return_exceptions=True)
