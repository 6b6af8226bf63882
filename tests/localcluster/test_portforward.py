"""Ports of a pod, with clients that say what kubectl seldom says."""

import asyncio
import struct
import zlib
from contextlib import asynccontextmanager

import pytest

from localcluster import portforward, spdy

POD = {"metadata": {"name": "one"}, "spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}}
MANY = 100  # more than is held for one port
SILENT = 9  # a port on which nothing listens


class Door:
    """Leads each port but SILENT to the same server."""

    def __init__(self, address):
        self.address = address

    def pod_port(self, pod, port):
        return None if port == SILENT else self.address


class Client:
    """What one client sends and hears."""

    def __init__(self, door, protocol, query):
        self._events, self.heard = asyncio.Queue(), asyncio.Queue()
        self._events.put_nowait({"type": "websocket.connect"})
        scope = {"query_string": query.encode(), "subprotocols": [protocol]}
        self.way = asyncio.create_task(
            portforward.forward(door, POD, scope, self._events.get, self.heard.put)
        )

    def send(self, data):
        self._events.put_nowait({"type": "websocket.receive", "bytes": data})

    async def until(self, data):
        async with asyncio.timeout(60):
            while (await self.heard.get()).get("bytes") != data:
                pass

    async def leave(self):
        self._events.put_nowait({"type": "websocket.disconnect"})
        async with asyncio.timeout(60):
            await self.way


@asynccontextmanager
async def forwarding(handler, protocol, query=""):
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        client = Client(Door(server.sockets[0].getsockname()[:2]), protocol, query)
        try:
            yield client
        finally:
            client.way.cancel()
            await asyncio.gather(client.way, return_exceptions=True)


async def louder(reader, writer):
    while data := await reader.read(100):
        writer.write(data.upper())
    writer.close()


async def test_a_port_on_which_nothing_listens_holds_no_other_up():
    async with forwarding(louder, "v4.channel.k8s.io", f"ports={SILENT}&ports=80") as client:
        for _ in range(MANY):
            client.send(b"\x00lost")
        client.send(b"\x02heard")
        await client.until(b"\x02HEARD")
        await client.leave()


@pytest.fixture
def stream():
    """`stream(number, **headers)`: the frame that opens one."""
    pack = zlib.compressobj(zdict=spdy._DICTIONARY)

    def framed(number, **headers):
        words = [word.encode() for pair in headers.items() for word in pair]
        plain = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(one)) + one for one in words)
        packed = pack.compress(plain) + pack.flush(zlib.Z_SYNC_FLUSH)
        return spdy._framed(spdy.SYN_STREAM, struct.pack(">IIH", number, 0, 0) + packed)

    return framed


@pytest.fixture
def opened(stream):
    """`opened(port)`: the frames that open streams 1, of what goes wrong, and 3, of data."""

    def framed(port):
        errors = stream(1, streamtype="error", requestid="0", port=str(port))
        return errors + stream(3, streamtype="data", requestid="0", port=str(port))

    return framed


async def test_nor_does_one_to_which_much_is_sent_at_once(opened):
    async with forwarding(louder, "SPDY/3.1+portforward.k8s.io") as client:
        client.send(opened(SILENT) + spdy.data(3, b"lost") * MANY)
        client.send(spdy.ping(7))
        await client.until(spdy.ping(7))
        await client.leave()


async def test_a_stream_that_the_client_drops_is_read_no_further(opened):
    dropped = asyncio.Event()

    async def endless(reader, writer):
        try:
            while True:
                writer.write(b"more")
                await writer.drain()
        except OSError:
            dropped.set()

    async with forwarding(endless, "SPDY/3.1+portforward.k8s.io") as client:
        client.send(opened(80))
        async with asyncio.timeout(60):
            while b"more" not in (await client.heard.get()).get("bytes", b""):
                pass
        client.send(spdy._framed(spdy.RST_STREAM, struct.pack(">II", 3, 5)))
        await client.until(spdy.data(1, b"", fin=True))
        async with asyncio.timeout(60):
            await dropped.wait()
        await client.leave()
