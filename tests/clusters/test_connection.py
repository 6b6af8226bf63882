"""The one way to a cluster: what it says when it cannot be gone."""

import gzip
import itertools
import json
import os
import shutil
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from runyard.clusters import connection
from runyard.clusters.connection import ApiError, Silent, Unreachable, connect
from runyard.clusters.models import Cluster
from tests.embedded import embedded, free_port


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    with embedded(tmp_path_factory.mktemp("connection")) as cluster:
        yield cluster


@pytest.fixture
def changed(answering, tmp_path):
    """`changed(change)`: the cluster reached through a kubeconfig that `change` has altered."""

    def make(change):
        config = yaml.safe_load(Path(answering.kubeconfig).read_text())
        change(config)
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return Cluster(name="local", kubeconfig=str(path))

    return make


def test_it_answers(answering):
    found = json.loads(
        connect(Cluster(kubeconfig=answering.kubeconfig)).read("GET", "/api/v1/namespaces/default")
    )
    assert found["metadata"]["name"] == "default"


def test_a_wrong_token_is_refused_with_the_servers_reason(changed):
    cluster = changed(lambda config: config["users"][0]["user"].update(token="wrong"))
    with pytest.raises(ApiError) as error:
        connect(cluster).read("GET", "/api/v1/pods")
    assert (error.value.code, error.value.reason) == (401, "Unauthorized")


def test_what_comes_packed_is_read_as_it_was(changed):
    packed = gzip.compress(b'{"items": []}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with _saying(head + packed) as address:
        cluster = changed(lambda config: config["clusters"][0]["cluster"].update(server=address))
        assert connect(cluster).read("GET", "/api/v1/pods", read_seconds=5) == b'{"items": []}'


def test_nothing_at_the_address_is_said_in_words(changed):
    address = f"http://127.0.0.1:{free_port()}"
    cluster = changed(lambda config: config["clusters"][0]["cluster"].update(server=address))
    with pytest.raises(Unreachable, match="does not answer"):
        connect(cluster).read("GET", "/api/v1/pods")


def test_a_cluster_without_a_kubeconfig_is_named_and_who_can_give_it_one():
    with pytest.raises(Unreachable, match=r"cluster demo has no kubeconfig.* Who runs Runyard can"):
        connect(Cluster(name="demo", kubeconfig=""))


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Unreachable, match=r"no kubeconfig at .*nowhere"):
        connect(Cluster(kubeconfig=str(tmp_path / "nowhere")))


@pytest.mark.parametrize("text", ["", "{", "just words", "[1, 2]", "clusters: []", "\0"])
def test_a_kubeconfig_that_is_none_is_named(tmp_path, text):
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(Unreachable, match="cannot be used"):
        connect(Cluster(kubeconfig=str(path)))


def test_a_kubeconfig_that_is_replaced_is_read_again(changed, answering):
    cluster = changed(lambda config: config["users"][0]["user"].update(token="wrong"))
    with pytest.raises(ApiError):
        connect(cluster).read("GET", "/api/v1/pods")
    shutil.copy(answering.kubeconfig, cluster.kubeconfig)
    os.utime(cluster.kubeconfig, (1, 1))
    assert connect(cluster).read("GET", "/api/v1/pods")


def test_what_is_not_there_is_a_404_with_kubernetes_words(answering):
    with pytest.raises(ApiError, match='pods "none" not found') as error:
        connect(Cluster(kubeconfig=answering.kubeconfig)).read("GET", "/api/v1/namespaces/default/pods/none")
    assert error.value.code == 404


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 9\r\n\r\n", b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk"],
    ids=["cut", "no gzip"],
)
def test_a_refusal_that_cannot_be_read_is_one(changed, rest):
    with _saying(b"HTTP/1.1 500 x\r\n" + rest) as address, pytest.raises(ApiError) as error:
        _ask(changed, address)
    assert (error.value.code, error.value.reason) == (500, "")


def test_a_refusal_that_comes_packed_is_read(changed):
    packed = gzip.compress(b'{"kind": "Status", "code": 403, "reason": "Forbidden", "message": "not you"}')
    head = b"HTTP/1.1 403 x\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with _saying(head + packed) as address, pytest.raises(ApiError, match="not you") as error:
        _ask(changed, address)
    assert (error.value.code, error.value.reason) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (b"\r\n", b"x"),
        (b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03", b"a"),
        (b"Content-Encoding: deflate\r\n\r\n\x78\x9c", b"\0\0\0\xff\xff"),
    ],
    ids=["plain", "a file's name in gzip", "empty blocks"],
)
def test_a_refusal_without_end_is_not_waited_for(changed, begins, goes_on, monkeypatch):
    monkeypatch.setattr(connection, "REFUSAL_SECONDS", 0.3)
    with (
        _saying(b"HTTP/1.1 500 x\r\n" + begins, *itertools.repeat(goes_on, 1000)) as address,
        pytest.raises(ApiError) as error,
    ):
        _ask(changed, address)
    assert error.value.code == 500


PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03"
DRIPS = {
    "its status": (b"HTTP/1.1 200 ", b"x"),
    "its head": (b"HTTP/1.1 200 OK\r\nServer: ", b"x"),
    "its body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "what is packed": (PACKED, b"x"),
    "the size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
}


@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_that_drips_holds_its_reader_no_longer_than_its_time(changed, what, monkeypatch):
    monkeypatch.setattr(connection, "TIMES_AS_LONG", 1)
    begins, goes_on = DRIPS[what]
    with _saying(begins, *itertools.repeat(goes_on, 100)) as address:
        cluster = changed(lambda config: config["clusters"][0]["cluster"].update(server=address))
        with pytest.raises(Unreachable, match="does not answer in time"):
            connect(cluster).read("GET", "/api/v1/pods", read_seconds=0.5)


@pytest.mark.parametrize("what", ["its status", "its head"])
def test_the_head_of_a_stream_that_drips_is_not_waited_for(changed, what):
    begins, goes_on = DRIPS[what]
    with (
        _saying(begins, *itertools.repeat(goes_on, 100)) as address,
        pytest.raises(Silent, match="does not answer in time"),
    ):
        _ask(changed, address, 0.5)


def test_a_stream_goes_on_for_longer_than_its_silences_may(changed):
    said = [b'{"type": "BOOKMARK"}\n'] * 30
    with _saying(b"HTTP/1.1 200 OK\r\n\r\n", *said) as address:
        cluster = changed(lambda config: config["clusters"][0]["cluster"].update(server=address))
        lines = list(connect(cluster).lines("/api/v1/pods", {"watch": "1"}, read_seconds=2))
    assert lines == [b'{"type": "BOOKMARK"}'] * 30


def _ask(changed, address, seconds=5.0):
    cluster = changed(lambda config: config["clusters"][0]["cluster"].update(server=address))
    connect(cluster).request("GET", "/api/v1/pods", read_seconds=seconds)


@contextmanager
def _saying(*parts):
    """A server that says `parts` to the first who comes, a tenth of a second apart; its address."""

    def serve():
        taken, _ = server.accept()
        with taken, suppress(OSError):
            taken.recv(65_536)
            for part in parts:
                taken.sendall(part)
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
