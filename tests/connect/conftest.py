"""The door to tools, asked as a server asks an ASGI application, with backends that misbehave behind it."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest

from runyard.clusters.access import Access
from runyard.connect import upstream
from runyard.connect.app import Tools
from runyard.connect.door import Pass
from runyard.connect.targets import Target

HOST = "w7-jupyter.localhost:8000"
PREFIX = "/api/v1/namespaces/red/pods/work-0:8888/proxy"
SECONDS = 30


@pytest.fixture(autouse=True)
def _addresses(settings):
    settings.TOOLS_DOMAIN, settings.ORIGINS = "localhost", ["http://127.0.0.1:8000"]


@pytest.fixture(autouse=True)
async def _connections():
    yield
    await upstream.close()


class Answer:
    """What came back: `status`, `headers` (lower case), `body`; `whole` unless it broke off."""

    def __init__(self):
        self.status, self.headers, self.body, self.whole = 0, [], b"", False

    async def send(self, event):
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = [(n.decode().lower(), v.decode("latin1")) for n, v in event["headers"]]
        elif event["type"] == "http.response.body":
            self.body += event.get("body", b"")
            self.whole = not event.get("more_body", False)

    def all(self, name):
        return [value for found, value in self.headers if found == name]

    def __getitem__(self, name):
        return dict(self.headers)[name]


def scope_of(path, method="GET", headers=(), host=HOST, kind="http"):
    raw, _, query = path.partition("?")
    given = {"host": host, **dict(headers)}
    return {
        "type": kind,
        "method": method,
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(n.lower().encode(), v.encode()) for n, v in given.items()],
        "subprotocols": [],
    }


async def ask(app, path, method="GET", headers=(), body=b"", host=HOST):
    """One whole request; the browser stays until it has the answer."""
    answer, sent = Answer(), asyncio.Event()

    async def receive():
        if not sent.is_set():
            sent.set()
            return {"type": "http.request", "body": body, "more_body": False}
        return await asyncio.Future()

    async with asyncio.timeout(SECONDS):
        await app(scope_of(path, method, headers, host), receive, answer.send)
    return answer


@pytest.fixture
def door(monkeypatch):
    """`door(port)`: the door as one stands before it with a visit that holds, and a backend on `port`."""

    def leading_to(port, prefix=PREFIX):
        async def open_door(self, cookie, place):
            access = Access(f"http://127.0.0.1:{port}", {"authorization": "Bearer cluster"})
            return Pass(Target(access, prefix), person=1 if cookie.startswith("mine") else 2)

        async def holds(self, cookie, place):
            pass

        monkeypatch.setattr("runyard.connect.door.Door.open", open_door)
        monkeypatch.setattr("runyard.connect.door.Door.check", holds)
        return Tools(_other)

    return leading_to


@pytest.fixture(params=["through the api", "straight"])
def doors(door, request):
    """`doors(port)`: the door, by each of the ways that lead on from it."""
    return partial(door, prefix=PREFIX if request.param == "through the api" else "")


async def _other(scope, receive, send):
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"pages"})


@asynccontextmanager
async def backend(talk):
    """A server that does what `talk(head, reader, writer)` says, once it has read the head of a request."""
    open_ones = set()

    async def serve(reader, writer):
        open_ones.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await talk(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.open_ones = open_ones
    try:
        yield server.sockets[0].getsockname()[1], open_ones
    finally:
        server.close()


def says(*parts):
    """A `talk` that writes `parts`, whatever is asked."""

    async def talk(head, reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()

    return talk
