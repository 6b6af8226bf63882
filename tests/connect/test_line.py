"""Straight to a pod: what a line makes of answers, when it is used again, and how little it holds."""

import asyncio

import pytest

from runyard.connect import line, upstream
from tests.connect.conftest import SECONDS, ask, scope_of

MIB = 2**20


class Tool:
    """A server that answers each request of a connection with `answer`; counts connections."""

    def __init__(self, answer):
        self.answer, self.connections, self.sent, self.asked = answer, [], 0, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self.server.close()
        for writer in self.connections:
            writer.close()

    async def _serve(self, reader, writer):
        self.connections.append(writer)
        try:
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                for part in self.answer:
                    writer.write(part)
                    await writer.drain()
                    self.sent += len(part)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass


def head(*lines):
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""])


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ([head(b"Content-Length: 2"), b"ok"], b"ok"),
        ([head(b"Content-Length: 2") + b"ok"], b"ok"),
        ([head(b"Content-Length: %d" % (3 * MIB)), *[b"x" * MIB] * 3], b"x" * 3 * MIB),
        ([head(b"Transfer-Encoding: chunked"), b"2\r\nok\r\n", b"0\r\nX-Trailer: 1\r\n\r\n"], b"ok"),
        ([head(b"Content-Length: 0")], b""),
        ([b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"], b"ok"),
        ([head(b"X: folded\r\n here", b"Content-Length: 2"), b"ok"], b"ok"),
        ([head(b"X: \x01", b"Content-Length: 2"), b"ok"], b"ok"),
        ([head(b"Transfer-Encoding: chunked"), b"2 \r\nok\r\n", b"0\r\n\r\n"], b"ok"),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", head(b"Content-Length: 2"), b"ok"], b"ok"),
    ],
)
async def test_an_answer_comes_whole_and_its_connection_is_used_again(door, answer, body):
    async with Tool(answer) as tool:
        app = door(tool.port, prefix="")
        for _ in range(3):
            found = await ask(app, "/a%20b?c=1")
            assert (found.status, found.body, found.whole) == (200, body, True)
            assert not {name for name, _ in found.headers} & {"link", "x-trailer", "transfer-encoding"}
        assert len(tool.connections) == 1
        assert all(asked.startswith(b"GET /a%20b?c=1 HTTP/1.1\r\n") for asked in tool.asked)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_ends_with_its_head(door, status):
    async with Tool([b"HTTP/1.1 %d x\r\nContent-Length: 5\r\n\r\n" % status]) as tool:
        for _ in range(2):
            assert (await ask(door(tool.port, prefix=""), "/")).whole
        assert len(tool.connections) == 1


async def test_what_head_is_told_is_only_the_length(door):
    async with Tool([head(b"Content-Length: 5")]) as tool:
        app = door(tool.port, prefix="")
        for _ in range(2):
            found = await ask(app, "/", "HEAD")
            assert (found["content-length"], found.body, found.whole) == ("5", b"", True)
        assert len(tool.connections) == 1


async def test_without_a_length_an_answer_ends_with_its_connection(door):
    async with Tool([head(), b"all of it"]) as tool:
        asking = asyncio.create_task(ask(door(tool.port, prefix=""), "/"))
        async with asyncio.timeout(SECONDS):
            while not tool.sent >= len(head()) + 9:
                await asyncio.sleep(0.01)
        tool.connections[0].close()
        found = await asking
        assert (found.body, found.whole) == (b"all of it", True)


@pytest.mark.parametrize("more", [b"y", head(b"Content-Length: 2") + b"no"])
@pytest.mark.parametrize("together", [True, False])
async def test_what_comes_after_an_answer_is_nobodys(door, more, together):
    first = head(b"Content-Length: 2") + b"ok"
    async with Tool([first + more] if together else [first, more]) as tool:
        app = door(tool.port, prefix="")
        for _ in range(3):
            found = await ask(app, "/")
            assert b"no" not in found.body
            assert b"y" not in found.body
        assert len(tool.connections) == 3


@pytest.mark.parametrize(
    "cut", [[head(b"Content-Length: 9"), b"half"], [head(b"Transfer-Encoding: chunked"), b"4\r\nhalf\r\n"]]
)
async def test_an_answer_that_is_cut_is_not_whole(door, cut):
    async with Tool(cut) as tool:
        asking = asyncio.create_task(ask(door(tool.port, prefix=""), "/"))
        async with asyncio.timeout(SECONDS):
            while not tool.sent:
                await asyncio.sleep(0.01)
        tool.connections[0].close()
        assert not (await asking).whole


async def test_a_connection_that_closed_while_it_waited_is_missed_by_nobody(door):
    async with Tool([head(b"Content-Length: 2"), b"ok"]) as tool:
        app = door(tool.port, prefix="")
        for count in range(1, 4):
            assert (await ask(app, "/")).body == b"ok"
            assert len(tool.connections) == count
            tool.connections[-1].transport.abort()


async def test_where_nothing_listens_one_is_told_so(door):
    found = await ask(door(1, prefix=""), "/")
    assert (found.status, b"nothing listens" in found.body) == (503, True)


async def test_a_browser_that_takes_nothing_fills_no_memory(door):
    async with Tool([head(b"Content-Length: %d" % (256 * MIB)), *[b"x" * MIB] * 256]) as tool:
        taken, go = 0, asyncio.Event()

        async def send(event):
            nonlocal taken
            taken += len(event.get("body", b""))
            if taken:
                await go.wait()

        async def receive():
            return await asyncio.Future()

        asking = asyncio.create_task(door(tool.port, prefix="")(scope_of("/"), receive, send))
        before = -1
        async with asyncio.timeout(SECONDS):
            while not tool.sent or tool.sent != before:  # until it is sent no more
                before = tool.sent
                await asyncio.sleep(0.3)
        assert tool.sent < 32 * MIB
        go.set()
        await asking
        assert taken == 256 * MIB


async def test_no_header_carries_another_request():
    async with Tool([head(b"Content-Length: 0")]) as tool:
        with pytest.raises(ValueError, match="line's end"):
            async with upstream.lines().asked(
                ("127.0.0.1", tool.port), b"GET", b"/", [(b"x", b"a\r\n\r\nGET /b HTTP/1.1")]
            ):
                pass
        assert not tool.asked


async def test_connections_wait_no_longer_than_they_may(door, monkeypatch):
    async with Tool([head(b"Content-Length: 2"), b"ok"]) as tool:
        app = door(tool.port, prefix="")
        monkeypatch.setattr(line, "IDLE_SECONDS", 0.0)
        for count in (1, 2, 3):
            assert (await ask(app, "/")).body == b"ok"
            assert len(tool.connections) == count


@pytest.mark.parametrize("trailer", [b"X: " + b"x" * MIB, b"X-Some: trailer\r\n" * 65_536])
async def test_trailers_without_end_are_cut(doors, trailer):
    """Nobody reads them: what the parser holds of one must not grow, nor the request last for ever."""
    async with Tool([head(b"Transfer-Encoding: chunked"), b"2\r\nok\r\n0\r\n", *[trailer] * 64]) as tool:
        found = await ask(doors(tool.port), "/")
        assert found.status == 502 or not found.whole
        assert tool.sent < 16 * MIB
