"""What leaves the server in one write, in which order, and how much of it may wait."""

import asyncio

import uvicorn
from websockets.asyncio.client import connect

from runyard.kit.gathering import ENOUGH, Gathering, Protocol


class Wire:
    """A transport that remembers what it is given together."""

    def __init__(self):
        self.writes, self.closing = [], False

    def writelines(self, pieces):
        assert not self.closing
        self.writes.append(b"".join(pieces))

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True


async def test_a_head_waits_for_the_body_that_is_there():
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head")
    gathering.write(b"body")
    assert wire.writes == []
    await asyncio.sleep(0)
    assert wire.writes == [b"headbody"]


async def test_a_head_whose_body_takes_its_time_leaves_alone():
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head")
    await asyncio.sleep(0)
    gathering.write(b"body")
    await asyncio.sleep(0)
    assert wire.writes == [b"head", b"body"]


async def test_what_is_large_does_not_wait():
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    for piece in (b"head", b"x" * ENOUGH, b"y" * ENOUGH, b"end"):
        gathering.write(piece)
    assert [len(one) for one in wire.writes] == [4 + ENOUGH, ENOUGH]
    gathering.close()
    assert (wire.writes[-1], wire.closing) == (b"end", True)


async def test_nothing_is_written_once_the_browser_is_gone():
    wire = Wire()
    gathering = Gathering(wire, asyncio.get_running_loop())
    gathering.write(b"head")
    wire.close()
    await asyncio.sleep(0)
    assert wire.writes == []


async def test_pages_bodies_and_websockets_come_whole_from_the_real_server():
    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "first"})
            return await send({"type": "websocket.send", "bytes": b"x" * 2 * ENOUGH})
        size = int(scope["path"][1:])
        length = (b"content-length", str(size).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        return await send({"type": "http.response.body", "body": b"y" * size})

    config = uvicorn.Config(app, port=0, http=Protocol, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            assert not serving.done(), serving.result()
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for size in (0, 5, 3 * ENOUGH):  # of one connection
        writer.write(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % size)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(size) == b"y" * size
    writer.close()
    async with connect(f"ws://127.0.0.1:{port}/") as socket:
        assert await socket.recv() == "first"
        assert await socket.recv() == b"x" * 2 * ENOUGH
    server.should_exit = True
    await asyncio.wait_for(serving, 20)
