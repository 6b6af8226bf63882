"""The proxy of pods and nodes on the real server: what is carried, what is refused, whose port it is."""

import http.client
import json
import os
import signal
import socket
import sys

import httpx
import pytest

from localcluster import proxy
from localcluster.proxy import Wanted
from localcluster.status import ApiError
from tests.embedded import free_port, until
from tests.localcluster.running import Server, container, pod

#: Answers with what it was sent; /slow/N sends N numbers as they are asked for; /half breaks off; /early does
#: not read; /hold never ends and writes a line into the log when the client has gone.
TOOL = """
import http.server, json, os, sys, time
class Tool(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/half":
            self.head(200, ("Content-Length", "100")); self.wfile.write(b"only this")
            self.close_connection = True
        elif self.path == "/numbers":
            self.head(200, ("Transfer-Encoding", "chunked"))
            for n in range(50): self.wfile.write(b"3\\r\\n%02d\\n\\r\\n" % n)
            self.wfile.write(b"0\\r\\n\\r\\n")
        elif self.path == "/big":
            self.head(200, ("Content-Length", str(8 << 20))); self.wfile.write(bytes(8 << 20))
        elif self.path == "/hold":
            self.head(200, ("Content-Type", "text/event-stream"), ("Connection", "close"))
            try:
                while True: self.wfile.write(b"data: x\\n\\n"); self.wfile.flush(); time.sleep(0.02)
            except OSError: print("the client has gone", flush=True)
        elif self.path == "/leave":
            self.head(200, ("Content-Length", "2")); self.wfile.write(b"ok")
            self.close_connection = True
        elif self.path == "/teapot":
            self.head(418, ("Content-Length", "0"), ("Connection", "X-Secret"), ("X-Secret", "1"),
                      ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
        else: self.echo()
    def do_POST(self):
        if self.path == "/early":
            self.head(413, ("Content-Length", "3"), ("Connection", "close")); self.wfile.write(b"no\\n")
            self.close_connection = True
            return
        self.echo()
    do_PUT = do_DELETE = do_PATCH = do_POST
    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16): whole += self.rfile.read(size); self.rfile.readline()
        self.rfile.readline()
        return whole
    def echo(self):
        body = self.body()
        said = {"method": self.command, "path": self.path, "headers": list(self.headers.items()),
                "size": len(body), "start": body[:20].decode("latin-1"), "pod": os.environ["NAME"],
                "peer": self.client_address[1], "pid": os.getpid()}
        body = json.dumps(said).encode()
        self.head(200, ("Content-Length", str(len(body)))); self.wfile.write(body)
    def head(self, code, *headers):
        self.send_response(code)
        for name, value in headers: self.send_header(name, value)
        self.end_headers()
    def log_message(self, *_): pass
bind = os.environ["POD_IP"] if sys.argv[2] == "own" else sys.argv[2]
http.server.ThreadingHTTPServer((bind, int(sys.argv[1])), Tool).serve_forever()
"""


def tool(name, port, bind="own"):
    command = container(sys.executable, "-c", TOOL, str(port), bind, env=[{"name": "NAME", "value": name}])
    return pod(name, command | {"ports": [{"containerPort": port}]})


def path(name, rest="/", port=None):
    return f"/api/v1/namespaces/default/pods/{name}{f':{port}' if port else ''}/proxy{rest}"


def raw_get(client, target):
    """A GET whose path no client library has tidied."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=60)
    try:
        connection.request("GET", target, headers=dict(client.headers))
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())
    finally:
        connection.close()


class Tools:
    """The server, a tool on a port, and what it is asked through the proxy."""

    def __init__(self, server):
        self.server, self.http, self.port = server, server.http, free_port()

    def start(self, name, port=None, bind="own"):
        self.server.create("pods", tool(name, port or self.port, bind))
        until(lambda: self.http.get(path(name)).status_code == 200, 60, f"the tool of {name}")

    def echo(self, method, name, rest="/", port=None, **more):
        return (
            self.http.request(method, path(name, rest, port or self.port), **more).raise_for_status().json()
        )


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("proxy")).start()
    tools = Tools(server)
    tools.start("one")
    yield tools
    server.stop()


def test_method_path_query_and_body_arrive_as_they_were_sent(tools):
    for rest in (
        "/a//b/../c%2fd%20e?x=1&y=%26&z",
        "/%2e%2e/%2e%2e/nodes",
        "/..%2f..",
        "/%C3%BC%00",
        "?only=query",
    ):
        sent = raw_get(tools.http, path("one", rest, tools.port))["path"]
        assert sent == (rest if rest.startswith("/") else f"/{rest}")
    said = tools.echo("PATCH", "one", "/things", content=b"hello")
    assert (said["method"], said["size"], said["start"]) == ("PATCH", 5, "hello")
    assert tools.echo("DELETE", "one")["method"] == "DELETE"


def test_large_bodies_go_both_ways_in_pieces(tools):
    def pieces():
        for _ in range(64):
            yield b"x" * 65536

    assert tools.echo("POST", "one", content=pieces())["size"] == 4 << 20
    assert tools.echo("PUT", "one", content=b"y" * (5 << 20))["size"] == 5 << 20
    assert len(tools.http.get(path("one", "/big")).content) == 8 << 20
    assert tools.http.get(path("one", "/numbers")).text.split() == [f"{n:02d}" for n in range(50)]


def test_an_answer_before_the_body_was_read_is_passed_on(tools):
    answer = tools.http.post(path("one", "/early"), content=b"x" * 100)
    assert (answer.status_code, answer.text) == (413, "no\n")


def test_the_token_and_hop_by_hop_headers_stay_here(tools):
    sent = {
        "Connection": "X-Mine, keep-alive",
        "X-Mine": "1",
        "TE": "trailers",
        "Cookie": "c=1",
        "X-Else": "2",
    }
    headers = {name.lower(): value for name, value in tools.echo("GET", "one", headers=sent)["headers"]}
    assert {"cookie": "c=1", "x-else": "2"}.items() <= headers.items()
    assert not {"authorization", "x-mine", "te", "keep-alive"} & set(headers)
    assert headers["x-forwarded-uri"] == path("one", port=tools.port)
    answer = tools.http.get(path("one", "/teapot"))
    assert answer.status_code == 418
    assert "x-secret" not in answer.headers
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_who_asked_for_which_host_is_said_once(tools):
    sent = {"X-Forwarded-Host": "forged", "X-Forwarded-Uri": "/forged", "Host": "w1-tool.localhost"}
    headers = [(name.lower(), value) for name, value in tools.echo("GET", "one", headers=sent)["headers"]]
    assert [value for name, value in headers if name == "x-forwarded-host"] == ["w1-tool.localhost"]
    assert [value for name, value in headers if name == "x-forwarded-uri"] == [path("one", port=tools.port)]


def test_without_the_token_there_is_no_way(tools):
    answer = tools.http.get(path("one"), headers={"authorization": "Bearer guess"})
    assert answer.status_code == 401


def test_a_client_that_goes_away_is_noticed_by_the_pod(tools):
    with tools.http.stream("GET", path("one", "/hold")) as answer:
        assert next(answer.iter_raw()).startswith(b"data: x")
    until(lambda: "the client has gone" in tools.server.log("one"), 60, "the tool to notice")


def test_half_an_answer_is_told_as_such(tools):
    with pytest.raises(httpx.RemoteProtocolError):
        tools.http.get(path("one", "/half"))
    assert tools.echo("GET", "one")["method"] == "GET"


def test_a_connection_is_kept_for_the_next_request_and_missed_by_nobody_when_it_closes(tools):
    peers = {tools.echo("GET", "one")["peer"] for _ in range(5)}
    assert len(peers) < 5  # a connection waits for seconds, and a busy machine may take as many
    for _ in range(20):
        assert tools.http.get(path("one", "/leave")).text == "ok"
        assert tools.echo("POST", "one", content=b"x")["size"] == 1


def test_pods_that_listen_on_their_own_address_share_a_port(tools):
    tools.start("two")
    assert tools.echo("GET", "one")["pod"] == "one"
    assert tools.echo("GET", "two")["pod"] == "two"


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0"])
def test_a_process_is_reached_wherever_it_listens(tools, bind):
    name, port = f"bound-{bind.replace('.', '-')}", free_port()
    tools.start(name, port, bind)
    assert tools.http.get(path(name, port=port)).json()["pod"] == name


def test_a_port_of_somebody_else_is_no_way_out_of_the_pod(tools):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        answer = tools.http.get(path("one", port=port))
    assert answer.status_code == 503
    assert answer.json()["message"].startswith(f"error trying to reach service: one:{port}")
    own = tools.http.base_url.port
    assert tools.http.get(path("one", port=own)).status_code == 503


def test_a_port_that_a_stranger_takes_when_its_tool_has_ended_is_not_the_pods_for_a_moment(tools):
    port = free_port()
    start = container(
        "sh", "-c", '"$@" & while :; do sleep 1; done', "sh", sys.executable, "-c", TOOL, str(port)
    )
    start["command"].append("own")
    ports = {"ports": [{"containerPort": port}], "env": [{"name": "NAME", "value": "lives-on"}]}
    tools.server.create("pods", pod("lives-on", start | ports))
    until(lambda: tools.http.get(path("lives-on")).status_code == 200, 60, "its tool")
    os.kill(tools.echo("GET", "lives-on", port=port)["pid"], signal.SIGKILL)
    address = tools.server.get("pods", "lives-on")["status"]["podIP"]
    with until(lambda: _taken(address, port), 60, "its port to be free"):
        assert tools.http.get(path("lives-on")).status_code == 503


def _taken(address, port):
    try:
        return socket.create_server((address, port))
    except OSError:
        return None


def test_what_cannot_be_reached_is_refused_in_words(tools):
    asked = {
        "/api/v1/namespaces/default/pods/nobody:80/proxy/": 404,
        "/api/v1/namespaces/nowhere/pods/one:80/proxy/": 404,
        "/api/v1/namespaces/default/pods/one:0/proxy/": 400,
        "/api/v1/namespaces/default/pods/one:65536/proxy/": 400,
        "/api/v1/namespaces/default/pods/one:http/proxy/": 400,
        "/api/v1/namespaces/default/pods/https:one:80/proxy/": 400,
        "/api/v1/namespaces/default/pods/a:b:c:d/proxy/": 400,
        "/api/v1/nodes/node-1:22/proxy/": 503,
        "/api/v1/nodes/other:9400/proxy/metrics": 404,
        "/api/v1/nodes/other/proxy/metrics/resource": 404,
        "/api/v1/nodes/node-1/proxy/run/anything": 404,
    }
    for url, code in asked.items():
        answer = tools.http.get(url)
        assert (answer.status_code, answer.json()["kind"]) == (code, "Status"), url
    assert tools.http.post("/api/v1/nodes/node-1/proxy/metrics/resource").status_code == 405
    assert tools.http.get("/api/v1/nodes/node-1/proxy/healthz").text == "ok"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"/api/v1/nodes/n/proxy", Wanted(None, "n", None, "/")),
        (b"/api/v1/nodes/http:n:9400/proxy/a%2Fb", Wanted(None, "n", 9400, "/a%2Fb")),
        (b"/api/v1/nodes/n%3A9400/proxy/", Wanted(None, "n", 9400, "/")),
        (b"/api/v1/namespaces/ns/pods/p:80/proxy//x", Wanted("ns", "p", 80, "//x")),
        (b"/api/v1/namespaces/ns/pods/p/log", None),
        (b"/api/v1/namespaces/ns/services/s/proxy/", None),
        (b"/api/v1/namespaces/ns/pods/p/proxyx", None),
    ],
)
def test_paths_are_read_as_they_were_sent(raw, wanted):
    assert proxy.wanted(raw) == wanted


@pytest.mark.parametrize("port", ["-1", "+80", "8_0", "٣", "0x50", "99999999999999999999", " 80"])
def test_odd_ports_are_refused(port):
    with pytest.raises(ApiError) as refused:
        proxy.wanted(f"/api/v1/nodes/n:{port}/proxy/".encode())
    assert refused.value.code == 400
