"""Ports of a pod over a websocket: what is sent arrives, what nobody listens on is told."""

import struct

import pytest
from kubernetes.stream import portforward

from tests.contracts.objects import eventually, pod, refusal
from tests.contracts.test_running import running_pod

CHANNELS = ("v4.channel.k8s.io",)
LOUDER = """
import os, socket, threading
server = socket.create_server((os.environ["POD_IP"], 8000))
open(os.environ["RUNYARD_VOLUME_DONE"] + "/listens", "w").close()
def answer(client):
    while data := client.recv(65536):
        client.sendall(data.upper())
    client.close()
while True:
    threading.Thread(target=answer, args=[server.accept()[0]], daemon=True).start()
"""


@pytest.fixture
def louder(core, namespace):
    """The name of a pod that says louder what it hears on port 8000."""
    made = running_pod("louder", "", volumes=[{"name": "done", "emptyDir": {}}])
    ready = {"exec": {"command": ["sh", "-c", 'test -e "$RUNYARD_VOLUME_DONE/listens"']}, "periodSeconds": 1}
    made["spec"]["containers"][0] |= {"command": ["python3", "-c", LOUDER], "readinessProbe": ready}
    made["spec"]["terminationGracePeriodSeconds"] = 0
    core.create_namespaced_pod(namespace, made)

    def is_ready():
        statuses = core.read_namespaced_pod("louder", namespace).status.container_statuses
        return statuses and statuses[0].ready

    eventually(is_ready)
    return "louder"


@pytest.mark.programs
def test_each_port_has_two_channels(dial, louder):
    with dial(louder, below="portforward", protocols=CHANNELS, ports=8000) as socket:
        assert [socket.recv(timeout=60), socket.recv(timeout=60)] == [
            bytes([channel]) + struct.pack("<H", 8000) for channel in (0, 1)
        ]
        socket.send(b"\x00hello")
        assert socket.recv(timeout=60) == b"\x00HELLO"


@pytest.mark.programs
def test_a_port_on_which_nobody_listens_is_told(dial, louder):
    with dial(louder, below="portforward", protocols=CHANNELS, ports=8001) as socket:
        said = [socket.recv(timeout=60) for _ in range(3)][-1]
    assert said[0] == 1
    assert b"connection refused" in said


@pytest.mark.programs
def test_the_official_client_forwards(core, louder, namespace):
    way = portforward(core.connect_get_namespaced_pod_portforward, louder, namespace, ports="8000")
    socket = way.socket(8000)
    socket.settimeout(60)
    socket.sendall(b"word" * 1000)
    heard = b""
    while len(heard) < 4000:
        heard += socket.recv(65536)
    assert heard == b"WORD" * 1000
    socket.close()


def test_what_is_not_there_or_does_not_run_is_refused(core, dial, namespace):
    assert refusal(dial, "nobody", below="portforward", protocols=CHANNELS, ports=80) == 404
    core.create_namespaced_pod(namespace, pod("held"))
    assert refusal(dial, "held", below="portforward", protocols=CHANNELS, ports=80) == 400
