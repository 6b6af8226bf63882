"""The door behind the server that it runs on."""

import asyncio
import contextlib
import socket

import aiohttp
import pytest
import uvicorn

from tests.connect.conftest import HOST, SECONDS, backend, says


@contextlib.asynccontextmanager
async def served(app):
    """The port on which uvicorn serves `app`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
        server.install_signal_handlers = lambda: None
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait_for(serving, SECONDS)


async def test_an_answer_that_breaks_off_ends_the_connection_without_a_servers_complaint(door, caplog):
    caplog.set_level("INFO")
    half = says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    async with (
        backend(half) as (port, _),
        served(door(port)) as ours,
        aiohttp.request("GET", f"http://127.0.0.1:{ours}/", headers={"host": HOST}) as answer,
    ):
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    told = [record.message for record in caplog.records if record.name.startswith(("uvicorn", "runyard"))]
    assert [words for words in told if "broke off" in words]
    assert not [words for words in told if "ASGI" in words]
