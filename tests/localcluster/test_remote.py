"""Who is attached to a container and reads too slowly, or leaves: told so, and followed no longer."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from localcluster import remote
from localcluster.node import logs
from localcluster.node.attached import Attached
from tests.localcluster.running import container, eventually, pod

OUT, BAD, ERROR = 1, 2, 3


@pytest.fixture
def folder(tmp_path):
    """The log of a run that goes on."""
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "00000000").write_bytes(b"")
    return tmp_path / "log"


def say(folder, number, stream, text):
    with (folder / f"{number:08d}").open("ab") as file:
        file.write(logs.stamp(1_700_000_000_000_000_000) + f" {stream} F {text}\n".encode())


class Client:
    """One end of a websocket: what it was sent, and whether it takes what stdout says."""

    def __init__(self):
        self.sent, self.takes, self.gone = [], asyncio.Event(), asyncio.Event()
        self._events = iter([{"type": "websocket.connect"}])

    async def receive(self):
        for event in self._events:
            return event
        await self.gone.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(self, event):
        self.sent.append(event)
        if self.channel(event) == OUT:
            await self.takes.wait()
            if self.gone.is_set():
                raise OSError("the client has gone")

    @staticmethod
    def channel(event):
        return event["bytes"][0] if event["type"] == "websocket.send" else None

    def heard(self, channel):
        return b"".join(event["bytes"][1:] for event in self.sent if self.channel(event) == channel)


@pytest.fixture
async def client():
    return Client()


@pytest.fixture
async def attached(folder, client):
    """`attach` at work, on its two streams; at the end nothing of it may be left."""
    found = SimpleNamespace(
        number=0, shown=0, attempt=SimpleNamespace(exited=False), run_folder=lambda number: folder.parent
    )
    door = SimpleNamespace(attached=lambda pod, name: Attached(found))
    scope = {"query_string": b"stdout=1&stderr=1", "subprotocols": ["v5.channel.k8s.io"], "path": "/attach"}
    task = asyncio.create_task(
        remote.attach(door, pod("one", container("x"), nodeName="n"), scope, client.receive, client.send)
    )
    await eventually(lambda: client.sent)
    yield task
    async with asyncio.timeout(30):
        await asyncio.wait({task})
    left = [one for one in asyncio.all_tasks() if one.get_coro().__qualname__.startswith("_Exchange")]
    for one in left:
        one.cancel()
    assert not left


async def hear(client, folder, number, stream, text):
    channel = OUT if stream == "stdout" else BAD
    say(folder, number, stream, text)
    await eventually(lambda: text.encode() in client.heard(channel))


async def test_who_falls_behind_is_told_so_and_let_go(attached, client, folder, caplog):
    await hear(client, folder, 0, "stdout", "kept waiting")
    for number in (1, 2):
        await hear(client, folder, number, "stderr", f"bad {number}")
    (folder / "00000001").unlink()  # as rotation does meanwhile
    client.takes.set()
    async with asyncio.timeout(30):
        await attached
    status = json.loads(client.heard(ERROR))
    assert (status["status"], "too slowly" in status["message"]) == ("Failure", True)
    assert client.sent[-1]["type"] == "websocket.close"
    assert "/attach is cut off: its reader is too slow" in caplog.text


async def test_nobody_is_followed_for_who_has_gone(attached, client, folder):
    await hear(client, folder, 0, "stderr", "bad")
    client.gone.set()


async def test_nobody_is_followed_for_who_goes_while_being_told(attached, client, folder):
    await hear(client, folder, 0, "stdout", "kept waiting")
    client.gone.set()
    client.takes.set()
