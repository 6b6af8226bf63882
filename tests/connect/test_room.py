"""How much may be open towards tools at once."""

import asyncio

import pytest

from runyard.connect.room import Full, Room
from tests.connect.conftest import SECONDS, ask, backend, says, scope_of
from tests.connect.test_tunnel import ORIGIN, Browser

MINE, YOURS = {"cookie": "runyard_tool=mine"}, {"cookie": "runyard_tool=yours"}
MINE_TOO = {"cookie": "runyard_tool=mine-elsewhere"}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
def held():
    """A tool that leaves who asks for /held waiting for its body, and the event that ends the wait."""
    let_go = asyncio.Event()

    async def talk(head, reader, writer):
        if b"/held" in head:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
            await let_go.wait()
            writer.write(b"ok")
        else:
            await says(OK)(head, reader, writer)

    return talk, let_go


async def _hold(app, count, headers):
    """That many requests, each once it is under way."""
    begun = asyncio.Semaphore(0)

    async def one():
        async def receive():
            return await asyncio.Future()

        async def send(event):
            if event["type"] == "http.response.start":
                begun.release()

        await app(scope_of("/held", headers=headers), receive, send)

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    async with asyncio.timeout(SECONDS):
        for _ in tasks:
            await begun.acquire()
    return tasks


async def test_one_visit_has_no_more_than_its_share_and_others_theirs(door, held):
    talk, let_go = held
    async with backend(talk) as (port, _):
        app = door(port)
        app._room = Room(of_visit=3, of_person=100, in_all=100)
        tasks = await _hold(app, 3, MINE)
        refused = await ask(app, "/api", headers=MINE)
        assert (refused.status, refused.whole) == (429, True)
        assert b"3 requests of yours to this tool are open. Close some" in refused.body
        browser = Browser()
        await browser.open(app, headers=ORIGIN | MINE)
        assert browser.heard == [{"type": "websocket.close", "code": 1013}]
        assert (await ask(app, "/api", headers=YOURS)).status == 200
        let_go.set()
        await asyncio.gather(*tasks)
        assert (await ask(app, "/api", headers=MINE)).status == 200
        assert not app._room._visits
        assert not app._room._people


async def test_a_person_has_no_more_by_visiting_more_tools(door, held):
    talk, let_go = held
    async with backend(talk) as (port, _):
        app = door(port)
        app._room = Room(of_visit=3, of_person=4, in_all=100)
        tasks = [*await _hold(app, 2, MINE), *await _hold(app, 2, MINE_TOO)]
        refused = await ask(app, "/api", headers=MINE_TOO)
        assert (refused.status, refused.whole) == (429, True)
        assert b"4 requests of yours to tools are open. Close some" in refused.body
        assert (await ask(app, "/api", headers=YOURS)).status == 200
        let_go.set()
        await asyncio.gather(*tasks)
        assert (await ask(app, "/api", headers=MINE_TOO)).status == 200


async def test_all_visits_together_have_a_bound(door, held):
    talk, let_go = held
    async with backend(talk) as (port, _):
        app = door(port)
        app._room = Room(of_visit=3, of_person=3, in_all=4)
        tasks = [*await _hold(app, 2, MINE), *await _hold(app, 2, YOURS)]
        refused = await ask(app, "/", headers=MINE | {"sec-fetch-mode": "navigate"})
        assert (refused.status, refused.whole) == (503, True)
        assert b"Try again in a moment" in refused.body
        let_go.set()
        await asyncio.gather(*tasks)
        assert (await ask(app, "/", headers=MINE)).status == 200


def test_what_fails_gives_its_room_back():
    room = Room(of_visit=1, of_person=1, in_all=1)
    for _ in range(3):
        with pytest.raises(OSError, match="broke"), room.taken("a", 1):
            raise OSError("broke off")
    with room.taken("a", 1), pytest.raises(Full), room.taken("b", 2):
        pass
