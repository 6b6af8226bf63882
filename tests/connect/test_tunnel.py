"""Websockets through the door."""

import asyncio
from socket import SO_KEEPALIVE, SOL_SOCKET

import pytest
from websockets.asyncio.server import serve

from runyard.connect import tunnel, upstream
from runyard.tenancy.access import Denied
from tests.connect.conftest import HOST, PREFIX, SECONDS, backend, says, scope_of

ORIGIN = {"origin": f"http://{HOST}", "cookie": "runyard_tool=t; a=1"}


class Browser:
    """A page's websocket: `heard` is every event it was sent."""

    def __init__(self):
        self.heard, self._said = [], asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        self.changed = asyncio.Condition()

    def say(self, **event):
        self._said.put_nowait({"type": "websocket.receive", **event})

    def leave(self, code=1000):
        self._said.put_nowait({"type": "websocket.disconnect", "code": code})

    async def receive(self):
        return await self._said.get()

    async def send(self, event):
        async with self.changed:
            self.heard.append(event)
            self.changed.notify_all()

    async def until(self, count):
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.heard) >= count)

    async def open(self, app, path="/ws", headers=ORIGIN, subprotocols=()):
        scope = scope_of(path, headers=headers, kind="websocket") | {"subprotocols": list(subprotocols)}
        async with asyncio.timeout(SECONDS):
            await app(scope, self.receive, self.send)

    @property
    def code(self):
        return self.heard[-1].get("code")


@pytest.fixture
def browser():
    return Browser()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_handshake_that_is_sent_elsewhere_ends_there(doors, browser, status):
    """A tool would lead us to any address we reach, the cluster's own API too, with what lets us in there."""
    came = []

    async def elsewhere(head, reader, writer):
        came.append(head)

    async def away(head, reader, writer):
        writer.write(b"HTTP/1.1 %d x\r\nLocation: %b\r\nContent-Length: 9\r\n\r\n" % (status, url))
        assert await reader.read() == b""  # we wait for no more of it

    async with backend(elsewhere) as (other, _), backend(away) as (port, connections):
        url = b"http://127.0.0.1:%d/exec" % other
        await browser.open(doors(port))
        async with asyncio.timeout(SECONDS):
            while connections:
                await asyncio.sleep(0.01)
    assert (browser.heard, came) == ([{"type": "websocket.close", "code": tunnel.FAILED}], [])


async def test_messages_pass_both_ways_as_they_are(door, browser):
    requests = []

    async def echo(socket):
        requests.append(socket.request)
        async for message in socket:
            await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=["v2"]) as server:
        app = door(server.sockets[0].getsockname()[1])
        session = asyncio.create_task(browser.open(app, "/ws?kernel=1", subprotocols=["v1", "v2"]))
        browser.say(text="text")
        browser.say(bytes=b"\x00\xff")
        await asyncio.wait_for(browser.until(3), SECONDS)
        browser.leave()
        await session
    assert browser.heard == [
        {"type": "websocket.accept", "subprotocol": "v2"},
        {"type": "websocket.send", "text": "text"},
        {"type": "websocket.send", "bytes": b"\x00\xff"},
    ]
    [request] = requests
    assert request.path == f"{PREFIX}/ws?kernel=1"
    assert (request.headers["host"], request.headers["cookie"]) == (HOST, "a=1")
    assert request.headers["authorization"] == "Bearer cluster"


async def test_the_tools_close_code_reaches_the_page(door, browser):
    async def refuse(socket):
        await socket.close(4001, "no kernel")

    async with serve(refuse, "127.0.0.1", 0) as server:
        await browser.open(door(server.sockets[0].getsockname()[1]))
    assert browser.heard == [
        {"type": "websocket.accept", "subprotocol": None},
        {"type": "websocket.close", "code": 4001},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n",
        b"junk\r\n\r\n",
        b"",
    ],
)
async def test_what_the_tool_does_not_accept_is_not_accepted(door, browser, answer):
    async with backend(says(answer)) as (port, _):
        await browser.open(door(port))
    assert [event["type"] for event in browser.heard] == ["websocket.close"]


async def test_junk_after_the_handshake_closes_both_sides(door, browser):
    import base64
    import hashlib
    import re

    async def talk(head, reader, writer):
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\n")
        writer.write(b"sec-websocket-accept: " + accept + b"\r\n\r\n" + b"\xff" * 64)
        await writer.drain()
        await reader.read()

    async with backend(talk) as (port, open_ones):
        await browser.open(door(port))
        async with asyncio.timeout(SECONDS):
            while open_ones:
                await asyncio.sleep(0.01)
    assert browser.heard[-1]["type"] == "websocket.close"


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://w8-jupyter.localhost:8000", "null", ""])
async def test_pages_of_other_origins_get_no_websocket(door, browser, origin):
    await browser.open(door(1), headers={"origin": origin, "cookie": "runyard_tool=t"})
    assert browser.heard == [{"type": "websocket.close", "code": 4403}]


async def test_it_is_closed_soon_after_the_right_is_gone(door, browser, monkeypatch):
    monkeypatch.setattr(tunnel, "CHECK_SECONDS", 0.05)
    rights = [True]

    async def silent(socket):
        await socket.wait_closed()

    async with serve(silent, "127.0.0.1", 0) as server:
        app = door(server.sockets[0].getsockname()[1])

        async def check(self, cookie, place):
            if not rights:
                raise Denied("gone")

        monkeypatch.setattr("runyard.connect.door.Door.check", check)
        session = asyncio.create_task(browser.open(app))
        await asyncio.wait_for(browser.until(1), SECONDS)
        assert browser.heard[0]["type"] == "websocket.accept"
        rights.clear()
        await session
    assert browser.heard[-1] == {"type": "websocket.close", "code": tunnel.REFUSED}


async def test_a_cluster_that_is_gone_without_a_word_is_noticed(door, browser):
    async def silent(socket):
        await socket.wait_closed()

    async with serve(silent, "127.0.0.1", 0) as server:
        session = asyncio.create_task(browser.open(door(server.sockets[0].getsockname()[1])))
        await asyncio.wait_for(browser.until(1), SECONDS)
        [connection] = upstream.client().connector._acquired
        held = connection.transport.get_extra_info("socket")
        assert held.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
        browser.leave()
        await session
