"""A command beside a container, as the node runs it: nothing of what it says is lost, nothing stays open."""

import asyncio
import os

import pytest

from localcluster.node import sessions
from localcluster.node.container import Container
from localcluster.status import ApiError


@pytest.fixture
def container(tmp_path):
    found = Container({"name": "main"}, tmp_path, "", lambda: None, False)
    found.cwd, found.environment = str(tmp_path), {"PATH": os.environ["PATH"]}
    return found


async def said(session):
    async with asyncio.timeout(60):
        return b"".join([chunk async for chunk in session.output(error=False)])


@pytest.mark.parametrize("tty", [True, False])
async def test_who_reads_late_gets_all(container, tty, monkeypatch):
    monkeypatch.setattr(sessions, "_QUIET_SECONDS", 600)  # its end is seen, not waited for
    session = await sessions.start(container, ["seq", "1", "3000"], tty=tty, stdin=False)
    async with asyncio.timeout(60):
        assert await session.ended() == 0
    assert (await said(session)).split() == [str(number).encode() for number in range(1, 3001)]
    assert container.sessions == set()


async def test_who_left_the_session_in_silence_does_not_hold_it(container):
    script = "setsid sleep 20 & echo here"
    session = await sessions.start(container, ["sh", "-c", script], tty=False, stdin=False)
    assert await said(session) == b"here\n"


async def test_nobody_is_killed_once_it_is_over(container, monkeypatch):
    session = await sessions.start(container, ["true"], tty=False, stdin=False)
    assert await session.ended() == 0
    monkeypatch.setattr(sessions, "of_session", lambda leader: pytest.fail("its number may be a stranger's"))
    session.kill()


async def test_a_start_that_fails_leaves_nothing_open(container):
    open_before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ApiError, match="null byte") as refused:
        await sessions.start(container, ["ls", "\0"], tty=True, stdin=False)
    assert refused.value.code == 400
    container.cwd = "/no/such/folder"
    with pytest.raises(ApiError, match="/no/such/folder") as refused:
        await sessions.start(container, ["ls"], tty=True, stdin=False)
    assert refused.value.code == 500
    assert len(os.listdir("/proc/self/fd")) == open_before
