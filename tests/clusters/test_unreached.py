"""What people read when a cluster cannot be reached: asked over real sockets, told what to do."""

import re
import socket
import struct
import threading
from contextlib import contextmanager, suppress

import httpx
import pytest
import yaml

from runyard.clusters.connection import Connection, Silent, Unreachable
from runyard.clusters.unreached import says, shown, words
from tests.embedded import free_port

#: Of libraries: classes, pools, numbers of errors, addresses of objects.
NOT_FOR_PEOPLE = re.compile(r"HTTPS?Connection|Pool|Error|Errno|0x|_ssl|object at|\('|Max retries|urllib3")
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"
NO_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk"


@pytest.fixture
def asked(tmp_path):
    """`asked(address, **more)`: what is said when a cluster there is asked; `more` is its kubeconfig's."""

    def ask(address, **more):
        config = {
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [{"name": "a", "cluster": {"server": address} | more}],
            "users": [{"name": "a", "user": {"token": "t"}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        with pytest.raises(Unreachable) as found:
            Connection(str(path)).read("GET", "/version?x=1", read_seconds=0.5)
        said = str(found.value)
        assert not NOT_FOR_PEOPLE.search(said)
        assert not said.endswith(".")  # others put it into sentences
        return found.value

    return ask


@contextmanager
def answering(said, end=socket.socket.close):
    """The port of one who says `said` to whatever is asked, and then does `end` with the connection."""
    taken, stop = [], threading.Event()

    def serve():
        with suppress(OSError):
            while not stop.is_set():
                taken.append(server.accept()[0])
                taken[-1].recv(65_536)
                taken[-1].sendall(said)
                end(taken[-1])

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        stop.set()
        for one in taken:
            one.close()


def _stay(taken):
    pass


def _reset(taken):
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    taken.close()


def test_nothing_listens(asked):
    address = f"http://127.0.0.1:{free_port()}"
    assert str(asked(address)) == (
        f"The cluster does not answer: nothing listens at {address}; check `server:` in the kubeconfig"
        " (`kubectl cluster-info` shows what it should be), and that it runs"
    )


def test_a_name_that_nobody_knows(asked):
    said = str(asked("https://cluster.invalid:6443"))
    assert "nobody knows the host of https://cluster.invalid:6443; check `server:`" in said


def test_one_who_takes_a_connection_and_says_nothing(asked):
    with answering(b"", _stay) as port:
        found = asked(f"http://127.0.0.1:{port}")
    assert isinstance(found, Silent)
    assert f"http://127.0.0.1:{port} does not answer in time; look for a firewall" in str(found)


def test_one_who_takes_no_connection(asked, monkeypatch):
    monkeypatch.setattr("runyard.clusters.connection.CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        first.connect(full.getsockname())  # nobody takes it, and there is no room for another
        assert "does not answer in time; look for a firewall" in str(
            asked(f"http://127.0.0.1:{full.getsockname()[1]}")
        )


def test_a_place_to_which_there_is_no_way(asked, monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", NO_WAY)]
    )
    assert "there is no way to http://far.example from here; look for a VPN" in str(
        asked("http://far.example")
    )


NO_WAY = ("255.255.255.255", 80)  # the kernel has none there for a stream


@pytest.mark.parametrize(
    ("scheme", "said", "end", "found"),
    [
        ("http", b"", socket.socket.close, "closed the connection before it answered; check `server:`"),
        ("http", b"", _reset, "closed the connection before it answered; check `server:`"),
        ("https", b"", socket.socket.close, "closed the connection before it answered; check `server:`"),
        ("http", b"SSH-2.0-OpenSSH\r\n\r\n", socket.socket.close, "speaks no HTTP; check `server:`"),
        ("https", b"HTTP/1.1 400 no\r\n\r\n", socket.socket.close, "speaks no TLS that we understand; check"),
        ("http", CUT, socket.socket.close, "it closed the connection within its answer; try again"),
        ("http", CUT, _stay, "it does not answer in time; look for"),
        ("http", NO_GZIP, socket.socket.close, "it sent an answer that cannot be unpacked; look for a proxy"),
    ],
    ids=["closed", "reset", "closed in TLS", "no HTTP", "no TLS", "cut", "half", "no gzip"],
)
def test_one_who_answers_otherwise(asked, scheme, said, end, found):
    with answering(said, end) as port:
        assert found in str(asked(f"{scheme}://127.0.0.1:{port}", **{"insecure-skip-tls-verify": True}))


def test_a_proxy_that_is_not_there(asked):
    said = str(asked("https://10.0.0.1", **{"proxy-url": f"http://127.0.0.1:{free_port()}"}))
    assert "nothing listens at the proxy on the way to https://10.0.0.1; check `proxy-url`" in said
    said = str(asked("https://10.0.0.1", **{"proxy-url": "http://proxy.invalid:1"}))
    assert "nobody knows the host of the proxy on the way to https://10.0.0.1; check `proxy-url`" in said


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("407 Who", "the proxy on the way to https://10.0.0.1 asks who we are (407); put a name and"),
        (
            "403 No",
            "the proxy on the way to https://10.0.0.1 does not let us through (403); check `proxy-url`",
        ),
        ("502 Bad", "the proxy on the way to https://10.0.0.1 does not let us through (502); check"),
    ],
)
def test_a_proxy_that_refuses(asked, status, found):
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as port:
        assert found in str(asked("https://10.0.0.1", **{"proxy-url": f"http://127.0.0.1:{port}"}))


def test_papers_that_are_none(asked, tmp_path):
    (tmp_path / "ca.pem").write_text("hello")
    with answering(b"") as port:
        said = str(asked(f"https://127.0.0.1:{port}", **{"certificate-authority": str(tmp_path / "ca.pem")}))
    assert "the certificates of the kubeconfig cannot be read; put whole PEM ones there" in said


def test_what_may_be_a_secret_in_an_address_is_not_repeated(asked):
    said = str(asked(f"http://me:secret@127.0.0.1:{free_port()}/token/{'secret' * 6}"))
    assert "secret" not in said
    assert shown("https://me:secret@a.example:1/b") == "https://a.example:1/b"


def test_another_library_s_errors_are_understood_too():
    with pytest.raises(httpx.ConnectError) as refused:
        httpx.get(f"http://127.0.0.1:{free_port()}", trust_env=False)
    assert says("it", refused.value) == "nothing listens at it"
    with pytest.raises(httpx.ConnectError) as unknown:
        httpx.get("http://nobody.invalid", trust_env=False)
    assert says("it", unknown.value) == "nobody knows the host of it"


def test_what_nobody_foresaw_has_words_as_well():
    assert words("https://a.example", OSError(5, "x")).startswith("https://a.example cannot be asked; check")
