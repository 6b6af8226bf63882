"""Whether what `runyard up` has started answers, on a machine whose environment names proxies."""

import http.server
import threading

import pytest

from runyardctl import ports
from runyardctl.cluster import Cluster
from runyardctl.exporter import Exporter

NOBODY = "http://127.0.0.1:9"


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in ("/readyz", "/healthz") else 503)
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def port():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(autouse=True)
def proxies(monkeypatch):
    monkeypatch.setenv("http_proxy", NOBODY)
    monkeypatch.delenv("no_proxy", raising=False)


def test_what_is_ready_is_found_so_past_a_proxy_of_the_environment(tmp_path, port):
    cluster, exporter = Cluster(tmp_path), Exporter(tmp_path, tmp_path / "kubeconfig")
    cluster.port = exporter.port = port
    assert not cluster.is_ready()
    cluster.prepare()
    cluster.kubeconfig.write_text(f"server: http://127.0.0.1:{port}")
    assert (cluster.is_ready(), exporter.is_ready()) == (True, True)


def test_what_says_otherwise_or_is_not_there_does_not_answer(port):
    assert not ports.answers(port, "/", 5)
    assert not ports.answers(9, "/readyz", 5)
