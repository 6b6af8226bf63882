"""Probes decide what is ready and what is started again."""

import os
import socket
import tracemalloc
from pathlib import Path

import pytest

from localcluster.node.container import Container
from localcluster.node.probes import ProbeFailed, run_command
from tests.localcluster.running import condition, container, eventually, python, restarts, shell, state

EVERY = {"periodSeconds": 1, "failureThreshold": 1}


@pytest.fixture
def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def test_a_pod_is_ready_once_its_readiness_probe_says_so(cluster, tmp_path):
    probe = {"exec": {"command": ["test", "-e", str(tmp_path / "ready")]}, **EVERY}
    cluster.run("one", container("sleep", "60", readinessProbe=probe))
    running = await cluster.running("one")
    assert condition(running, "Ready") == ("False", "ContainersNotReady")
    await eventually(lambda: "Unhealthy" in {reason for reason, _ in cluster.events("one")})
    (tmp_path / "ready").touch()
    await eventually(lambda: condition(cluster.pod("one"), "Ready") == ("True", None))


async def test_a_failed_liveness_probe_restarts_the_container(cluster):
    probe = {"exec": {"command": ["sh", "-c", "echo not well; exit 1"]}, **EVERY}
    cluster.run("one", container("sleep", "60", livenessProbe=probe), restartPolicy="Always")
    await eventually(lambda: restarts(cluster.pod("one")) >= 1 if cluster.phase("one") == "Running" else 0)
    told = cluster.events("one")
    assert ("Killing", "Container main failed liveness probe, will be restarted") in told
    assert ("Unhealthy", "Liveness probe failed: not well\n") in told


async def test_a_process_that_listens_on_its_pods_own_address_is_probed_there(cluster, port):
    serve = f"import http.server, os; h = http.server; a = (os.environ['POD_IP'], {port})\n"
    serve += "h.HTTPServer(a, h.SimpleHTTPRequestHandler).serve_forever()"
    probes = {"readinessProbe": {"httpGet": {"port": port}, **EVERY}}
    cluster.run(
        "one", python(serve, **probes, startupProbe={"tcpSocket": {"port": port}, "periodSeconds": 1})
    )
    cluster.run("two", python(serve, **probes))
    for name in ("one", "two"):
        await eventually(lambda name=name: condition(cluster.pod(name), "Ready") == ("True", None))


async def test_http_and_named_ports(cluster, port):
    serve = f"""
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/healthy' else 500)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', {port}), Answer).serve_forever()
"""
    ports = [{"name": "web", "containerPort": port}]
    good = {"httpGet": {"path": "/healthy", "port": "web"}, **EVERY}
    bad = {"httpGet": {"path": "/ill", "port": port}, **EVERY, "failureThreshold": 100}
    startup = {"tcpSocket": {"port": "web"}, "periodSeconds": 1, "failureThreshold": 100}
    cluster.run(
        "one", python(serve, ports=ports, readinessProbe=good, livenessProbe=bad, startupProbe=startup)
    )
    await eventually(lambda: condition(cluster.pod("one"), "Ready") == ("True", None))
    words = "Liveness probe failed: HTTP probe failed with statuscode: 500"
    await eventually(lambda: ("Unhealthy", words) in cluster.events("one"))
    assert restarts(cluster.pod("one")) == 0


async def test_a_startup_probe_holds_the_others_and_ends_what_never_starts(cluster, port):
    startup = {"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 1}
    cluster.run("one", container("sleep", "60", startupProbe=startup))
    ended = await cluster.ended("one")
    assert ended["status"]["phase"] == "Failed"
    assert state(ended)[1]["exitCode"] == 143


async def test_a_probe_that_hangs_is_cut_off(cluster):
    probe = {"exec": {"command": ["sleep", "600"]}, "timeoutSeconds": 1, **EVERY}
    cluster.run("one", shell("sleep 60", readinessProbe=probe))
    words = "Readiness probe failed: command timed out after 1s"
    await eventually(lambda: ("Unhealthy", words) in cluster.events("one"))


async def test_a_probe_that_never_stops_talking_costs_no_memory():
    one = Container(container("true"), Path("/nowhere"), "", lambda: None, False)
    one.environment = {"PATH": os.defpath}
    tracemalloc.start()
    with pytest.raises(ProbeFailed):
        await run_command(one, ["sh", "-c", "head -c 50000000 /dev/zero; exit 1"], 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
