"""The end of a control plane: all of it, whatever goes wrong with the folders of claims in the middle."""

import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from controlplane import claims
from controlplane.client import Client
from controlplane.pki import Pki
from controlplane.plane import ControlPlane
from controlplane.process import Process
from controlplane.profile import FULL
from tests.controlplane.test_process import SLEEP, gone


@pytest.fixture
def server():
    """In place of an API server: says `server.body` to everything; to volumes nothing while it is None."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            if server.body is None and "persistentvolumes" in self.path:
                over.wait()
                return
            body = server.body or b"ok"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.body = None
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def client(server, tmp_path):
    authority = Pki(tmp_path / "pki").authority
    with closing(Client(f"http://127.0.0.1:{server.server_port}", authority, "token")) as client:
        yield client


@pytest.fixture
def plane(client, tmp_path):
    """Two processes that run, and a server beside them that answers."""
    plane = ControlPlane(None, tmp_path, FULL)
    plane._client = client
    for name in ("etcd", "kube-apiserver"):
        plane.processes[name] = Process(name, SLEEP, tmp_path / f"{name}.log", lambda: True)
        plane.processes[name].start()
    yield plane
    for process in plane.processes.values():
        process.kill()


@pytest.mark.parametrize(
    ("body", "error"), [(b"<html>", ValueError), (b"{}", KeyError), (b'{"items": null}', TypeError)]
)
def test_all_ends_though_the_volumes_are_answered_with_nonsense(plane, server, body, error):
    server.body = body
    ends_and_raises(plane, error)


def test_all_ends_though_we_are_interrupted_while_folders_are_removed(plane, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(claims, "remove_folders", interrupted)
    ends_and_raises(plane, KeyboardInterrupt)


def ends_and_raises(plane, error):
    pids = [process.pid for process in plane.processes.values()]
    with pytest.raises(error):
        plane.stop()
    assert all(map(gone, pids))
    assert plane.processes == {}
    plane.stop()


def test_volumes_are_not_waited_for(plane, client, monkeypatch):
    monkeypatch.setattr(claims, "PATIENCE", 0.1)
    with pytest.raises(httpx.ReadTimeout) as silence:
        claims.remove_folders(client)
    assert silence.value.request.extensions["timeout"]["read"] == 0.1
    pids = [process.pid for process in plane.processes.values()]
    plane.stop()
    assert all(map(gone, pids))
