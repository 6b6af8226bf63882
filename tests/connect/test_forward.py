"""Requests through the door, to backends that behave and backends that do not."""

import asyncio

import aiohttp
import pytest
from django.db import OperationalError

from runyard.clusters.access import Access
from runyard.connect import line, upstream
from runyard.connect.app import Tools
from runyard.connect.forward import unprefix
from runyard.connect.hosts import Place
from runyard.connect.targets import Target
from runyard.tenancy.access import Denied
from tests.connect.conftest import HOST, PREFIX, SECONDS, Answer, ask, backend, says, scope_of

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello"


async def test_a_request_reaches_the_tool_below_its_prefix_and_its_answer_comes_back(door):
    heads = []

    async def talk(head, reader, writer):
        heads.append(head.decode())
        await says(OK)(head, reader, writer)

    async with backend(talk) as (port, _):
        answer = await ask(door(port), "/lab/tree%20x?a=1&b=%2F", headers={"cookie": "runyard_tool=t; a=1"})
    assert (answer.status, answer.body, answer.whole) == (200, b"hello", True)
    head = heads[0].lower()
    assert head.startswith(f"get {PREFIX}/lab/tree%20x?a=1&b=%2f http/1.1")
    assert f"host: {HOST}" in head
    assert "cookie: a=1\r\n" in head
    assert "authorization: bearer cluster" in head


async def test_a_body_is_streamed_to_the_tool(door):
    got = []

    async def talk(head, reader, writer):
        got.append(await reader.readexactly(200_000))
        await says(OK)(head, reader, writer)

    async with backend(talk) as (port, _):
        body = b"x" * 200_000
        answer = await ask(door(port), "/up", "POST", {"content-length": "200000"}, body)
    assert (answer.status, got) == (200, [body])


async def test_other_hosts_go_on_to_our_pages(door):
    assert (await ask(door(1), "/", host="127.0.0.1:8000")).status == 299


async def test_a_name_of_the_domain_that_is_no_tools_leads_nowhere(door):
    answer = await ask(door(1), "/", host="w7.localhost:8000", headers={"accept": "text/html"})
    assert answer.status == 404
    assert b"No tool has this address" in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/../secrets",
        "/a/..",
        "/%2e%2e/x",
        "/.%2E/x",
        "/a/%2e%2e%2fsecrets",
        "/..%2f..%2fx",
        "/..%5cx",
        "/a/..;/x",
        "/%252e%252e/x",
        "/./x",
        "/x%00y",
        "/x%0d%0aHost:%20evil",
        "/x#y",
    ],
)
async def test_no_path_climbs_out_of_the_tool(door, path):
    answer = await ask(door(1), path)
    assert answer.status == 400
    assert b"address" in answer.body


@pytest.mark.parametrize("path", ["//x", "/a//b", "/a%2fb", "/...", "/a..b", "/x?y=../.."])
async def test_odd_paths_that_stay_inside_pass_as_they_are(doors, path):
    heads = []

    async def talk(head, reader, writer):
        heads.append(head.decode())
        await says(OK)(head, reader, writer)

    async with backend(talk) as (port, _):
        assert (await ask(doors(port), path)).status == 200
    assert heads[0].startswith(f"GET {doors.keywords['prefix']}{path} HTTP/1.1")


async def test_nothing_listens(door):
    answer = await ask(door(1), "/", headers={"sec-fetch-mode": "navigate"})
    assert answer.status == 502
    assert b"does not answer" in answer.body
    assert b"/workloads/7/" in answer.body


async def test_a_script_is_told_in_a_line(door):
    answer = await ask(door(1), "/api")
    assert (answer.status, answer["content-type"]) == (502, "text/plain; charset=utf-8")


async def test_the_api_servers_own_words_for_a_pod_it_cannot_reach_are_not_the_tools(door):
    status = b'{"kind": "Status", "apiVersion": "v1", "reason": "ServiceUnavailable", "code": 503}'
    head = b"HTTP/1.1 503 x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(status)
    async with backend(says(head + status)) as (port, _):
        answer = await ask(door(port), "/")
        visit = await ask(door(port), "/", headers={"sec-fetch-mode": "navigate"})
    assert answer.status == 503
    assert b"nothing listens on its port" in answer.body
    assert (visit.status, visit["location"]) == (303, "http://127.0.0.1:8000/workloads/7/connect/jupyter")


async def test_a_right_that_we_lack_on_the_cluster_is_not_the_pods_fault(door):
    status = b'{"kind":"Status","apiVersion":"v1","reason":"Forbidden","code":403}'
    head = b"HTTP/1.1 403 x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(status)
    async with backend(says(head + status)) as (port, _):
        answer = await ask(door(port), "/", "PUT")
    assert answer.status == 503
    assert b"pods/proxy" in answer.body


async def test_a_tools_own_error_passes_as_it_is(doors):
    body = b'{"message": "kernel died"}'
    head = b"HTTP/1.1 500 x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with backend(says(head + body)) as (port, _):
        answer = await ask(doors(port), "/")
    assert (answer.status, answer.body) == (500, body)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 200\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 999999 x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_said_to_be_none(doors, junk):
    async with backend(says(junk)) as (port, _):
        answer = await ask(doors(port), "/")
    assert answer.status == 502
    assert b"no HTTP" in answer.body or b"does not answer" in answer.body


async def test_a_header_of_ten_mebibytes_is_refused(doors):
    async with backend(says(b"HTTP/1.1 200 OK\r\nx: ", b"a" * 10 * 2**20, b"\r\n\r\n")) as (port, _):
        assert (await ask(doors(port), "/")).status == 502


async def test_a_backend_that_says_nothing_is_given_up(doors, monkeypatch):
    monkeypatch.setattr(upstream, "_TIMES", aiohttp.ClientTimeout(total=None, sock_read=0.3))
    monkeypatch.setattr(line, "SILENT_SECONDS", 0.3)

    async def talk(head, reader, writer):
        await reader.read()

    async with backend(talk) as (port, _):
        answer = await ask(doors(port), "/")
    assert answer.status == 504
    assert b"sent nothing" in answer.body


async def test_half_an_answer_is_not_taken_for_a_whole_one(doors):
    async with backend(says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")) as (port, _):
        answer = await ask(doors(port), "/")
    assert (answer.status, answer.body, answer.whole) == (200, b"half", False)


async def test_an_endless_answer_ends_when_the_browser_goes(doors):
    async def talk(head, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"5\r\nhello\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    async with backend(talk) as (port, open_ones):
        heard, gone = asyncio.Event(), asyncio.Event()
        first = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive():
            if (event := next(first, None)) is not None:
                return event
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(event):
            if event.get("body"):
                heard.set()

        async with asyncio.timeout(30):
            asked = asyncio.create_task(doors(port)(scope_of("/endless"), receive, send))
            await heard.wait()
            gone.set()
            await asked
            while open_ones:
                await asyncio.sleep(0.01)


async def test_links_that_the_api_server_rewrote_are_the_tools_own_again(door):
    page = f'<a href="{PREFIX}/tree">'.encode() * 3
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: %d\r\n\r\n" % len(
        page
    )
    async with backend(says(head + page[:50], page[50:])) as (port, _):
        answer = await ask(door(port), "/")
    assert answer.body == b'<a href="/tree">' * 3
    assert answer.whole


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_prefix_is_found_wherever_the_chunks_are_cut(size):
    data, prefix, out, held = b"aa/api/p" * 5 + b"/api" + b"/ap", b"/api/p", b"", b""
    for start in range(0, len(data), size):
        chunk, held = unprefix(held + data[start : start + size], prefix)
        out += chunk
    assert out + held == data.replace(prefix, b"")


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({"sec-fetch-site": "same-origin", "origin": f"http://{HOST}"}, "POST", 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, "GET", 200),
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            "GET",
            200,
        ),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, "GET", 403),
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            "GET",
            403,
        ),
        (
            {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            "POST",
            403,
        ),
        ({"origin": "http://w8-jupyter.localhost:8000"}, "POST", 403),
        ({"origin": "null"}, "POST", 403),
        ({}, "GET", 200),
    ],
)
async def test_only_the_tools_own_page_may_ask_but_anybody_may_link_to_it(door, headers, method, status):
    async with backend(says(OK)) as (port, _):
        headers |= {"content-length": "0"} if method == "POST" else {}
        assert (await ask(door(port), "/", method, headers)).status == status


async def test_a_long_answer_ends_soon_after_the_right_is_gone(doors, monkeypatch):
    monkeypatch.setattr("runyard.connect.forward.CHECK_SECONDS", 0.05)

    async def talk(head, reader, writer):
        await says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")(
            head, reader, writer
        )
        await reader.read()

    async def gone(self, cookie, place):
        if answer.body:
            raise Denied("gone")

    async def receive():
        return await asyncio.Future()

    answer = Answer()
    async with backend(talk) as (port, open_ones):
        app = doors(port)
        monkeypatch.setattr("runyard.connect.door.Door.check", gone)
        async with asyncio.timeout(SECONDS):
            await app(scope_of("/endless"), receive, answer.send)
            while open_ones:
                await asyncio.sleep(0.01)
    assert (answer.body, answer.whole) == (b"hello", False)


async def test_who_waits_for_an_answer_is_told_that_the_right_is_gone(doors, monkeypatch):
    monkeypatch.setattr("runyard.connect.forward.CHECK_SECONDS", 0.05)
    async with backend(_silence) as (port, _):
        app = doors(port)
        _gone_once_asked_again(monkeypatch)
        answer = await ask(app, "/silent")
    assert (answer.status, answer.whole) == (403, True)
    assert b"not let in any more" in answer.body


async def test_nobody_stays_whose_right_cannot_be_told(doors, monkeypatch):
    monkeypatch.setattr("runyard.connect.forward.CHECK_SECONDS", 0.05)

    async def fails(self, cookie, place):
        raise RuntimeError("a fault of ours")

    async with backend(_silence) as (port, _):
        app = doors(port)
        monkeypatch.setattr("runyard.connect.door.Door.check", fails)
        answer = await ask(app, "/silent")
    assert answer.status == 403


async def _silence(head, reader, writer):
    await reader.read()


def _gone_once_asked_again(monkeypatch):
    async def gone(self, cookie, place):
        raise Denied("gone")

    monkeypatch.setattr("runyard.connect.door.Door.check", gone)


async def test_a_length_beside_a_transfer_encoding_is_not_passed_on(door):
    got = []

    async def talk(head, reader, writer):
        got.append(head.lower() + await reader.readuntil(b"0\r\n\r\n"))
        await says(OK)(head, reader, writer)

    async with backend(talk) as (port, _):
        both = {"content-length": "4", "transfer-encoding": "chunked"}
        await ask(door(port), "/up", "POST", both, b"GET /api/v1/secrets HTTP/1.1\r\n\r\n")
    assert b"content-length" not in got[0]
    assert b"transfer-encoding: chunked" in got[0]


@pytest.mark.parametrize(
    "head",
    [b"101 x\r\nupgrade: x\r\nconnection: upgrade", b"099 x", b"999 x", b"301 x\r\nlocation: http://[x"],
)
async def test_an_answer_that_is_none_is_not_passed_on(doors, head):
    async with backend(says(b"HTTP/1.1 " + head + b"\r\n\r\njunk")) as (port, _):
        answer = await ask(doors(port), "/")
    assert (answer.status, answer.whole) == (502, True)


@pytest.mark.parametrize("status", [b"204", b"304"])
async def test_an_answer_without_a_body_has_no_length(doors, status):
    async with backend(says(b"HTTP/1.1 %s x\r\ncontent-length: 5\r\n\r\n" % status)) as (port, _):
        answer = await ask(doors(port), "/")
    assert (answer.all("content-length"), answer.whole) == ([], True)


async def test_headers_in_utf_8_come_through_as_they_are(doors):
    heads = []

    async def talk(head, reader, writer):
        heads.append(head)
        await says(OK)(head, reader, writer)

    async with backend(talk) as (port, _):
        await ask(doors(port), "/", headers={"x-file": "é"})
    assert "x-file: é\r\n".encode() in heads[0]


@pytest.mark.parametrize(
    ("path", "asks"), [("/api", "door._ask"), ("/.runyard/enter?ticket=x", "visits.enter")]
)
async def test_without_a_database_a_tool_is_not_ready(monkeypatch, path, asks):
    def away(*args):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(f"runyard.connect.{asks}", away)
    answer = await ask(Tools(None), path)
    assert answer.status == 503
    assert b"database does not answer" in answer.body


async def test_a_stream_that_is_open_outlives_a_database_that_restarts(monkeypatch):
    def away(*args):
        raise OperationalError("the connection is closed")

    monkeypatch.setattr("runyard.connect.visits.guest", away)
    assert await Tools(None)._still("cookie", Place(7, "jupyter"))


async def test_whether_a_visit_holds_is_asked_of_no_cluster_which_may_be_silent(monkeypatch):
    def silent(place):
        raise AssertionError("its cluster was asked")

    monkeypatch.setattr("runyard.connect.visits.guest", lambda cookie, place: None)
    monkeypatch.setattr("runyard.connect.targets.target_of", silent)
    assert await Tools(None)._still("cookie", Place(7, "jupyter"))


async def test_a_visit_that_does_not_hold_any_more_is_forgotten_at_once(monkeypatch):
    def gone(cookie, place):
        raise Denied("gone")

    app, place = Tools(None), Place(7, "jupyter")
    target = Target(Access("http://127.0.0.1:1"))
    monkeypatch.setattr("runyard.connect.door._ask", lambda cookie, place: (target, 1))
    await app._door.open("cookie", place)
    monkeypatch.setattr("runyard.connect.visits.guest", gone)
    monkeypatch.setattr("runyard.connect.door._ask", gone)
    assert not await app._still("cookie", place)
    with pytest.raises(Denied):
        await app._door.open("cookie", place)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/sw.js", 403), ("/%73w.js?a=/b/", 403), ("/a%2fsw.js", 403), ("/static/sw.js", 200), ("//sw.js", 200)],
)
async def test_no_service_worker_of_a_tool_sees_tickets(door, path, status):
    wide = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nservice-worker-allowed: /\r\n\r\n"
    async with backend(says(wide)) as (port, _):
        answer = await ask(door(port), path, headers={"service-worker": "script"})
    assert answer.status == status
    assert not answer.all("service-worker-allowed")
