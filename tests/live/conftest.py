"""The real ASGI application under uvicorn, in a thread of the test, and clients for its socket."""

import asyncio
import contextlib
import json
import threading

import pytest
import uvicorn
import websockets
from django.conf import settings
from django.test import Client

from tests.embedded import free_port, until


class Socket:
    """A client of /live that remembers what it was told."""

    def __init__(self, connection):
        self._connection = connection

    async def say(self, **message):
        await self._connection.send(json.dumps(message))

    async def raw(self, data):
        await self._connection.send(data)

    async def hear(self, wanted, seconds=60):
        """The next message for which `wanted(message)` is true."""
        async with asyncio.timeout(seconds):
            while True:
                message = json.loads(await self._connection.recv())
                if wanted(message):
                    return message

    async def bytes(self, seconds=60):
        """The next binary frame."""
        async with asyncio.timeout(seconds):
            while isinstance(found := await self._connection.recv(), str):
                continue
            return found

    async def silent(self, wanted, seconds=0.7):
        """That no such message comes."""
        with contextlib.suppress(TimeoutError):
            message = await self.hear(wanted, seconds)
            raise AssertionError(f"heard {message}")

    async def closed(self, seconds=60):
        """The code the server closes with."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await self._connection.recv()
        return self._connection.close_code


@pytest.fixture
def server(transactional_db, valkey):
    """The port of the running application."""
    from runyard.asgi import application

    port = free_port()
    config = uvicorn.Config(application, port=port, log_level="warning", lifespan="off", ws_ping_interval=20)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    until(lambda: running.started, what="uvicorn")
    yield port
    running.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def connect(server):
    """`async with connect(ada) as socket`; `origin` and `cookies` may be forged."""

    @contextlib.asynccontextmanager
    async def opened(user=None, origin=settings.ORIGINS[0], headers=None):
        cookie = {"Cookie": await asyncio.to_thread(cookie_of, user)} if user else {}
        async with websockets.connect(
            f"ws://127.0.0.1:{server}/live", origin=origin, additional_headers=cookie | (headers or {})
        ) as connection:
            yield Socket(connection)

    return opened


def cookie_of(user):
    """The header of somebody signed in as `user`."""
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
