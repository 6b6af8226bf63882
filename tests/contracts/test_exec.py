"""Commands beside a container, as `kubectl exec` asks for them: what goes in and out, and how they end."""

import json
import os
import secrets
import shlex
import socket as sockets
import threading
import time
from contextlib import suppress

import psutil
import pytest
from kubernetes.stream import stream
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contracts.objects import eventually, pod, refusal
from tests.contracts.test_running import running_pod

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


@pytest.fixture
def running(core, namespace):
    """The name of a pod that runs."""
    made = running_pod("one", "sleep 600", env=[{"name": "WORD", "value": "kept"}])
    made["spec"]["terminationGracePeriodSeconds"] = 0
    core.create_namespaced_pod(namespace, made)
    eventually(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running")
    return "one"


def told(socket):
    """All that came, by channel, once the other side has closed."""
    found = {STDOUT: b"", STDERR: b"", ERROR: b""}
    for message in socket:
        found[message[0]] = found.get(message[0], b"") + message[1:]
    return found


def until(socket, channel, text):
    """What a channel has said once `text` is in it."""
    found, deadline = b"", time.monotonic() + 60
    while text not in found:
        message = socket.recv(timeout=max(0.1, deadline - time.monotonic()))
        found += message[1:] if message[0] == channel else b""
    return found


@pytest.mark.programs
def test_what_it_says_and_how_it_ends_is_told(dial, running):
    with dial(running, "sh", "-c", "echo $WORD; echo bad >&2; exit 3") as socket:
        said = told(socket)
    assert (said[STDOUT], said[STDERR]) == (b"kept\n", b"bad\n")
    status = json.loads(said[ERROR])
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


@pytest.mark.programs
def test_a_command_that_ends_well_says_so(dial, running):
    with dial(running, "true", protocols=("v4.channel.k8s.io",)) as socket:
        assert socket.subprotocol == "v4.channel.k8s.io"
        assert json.loads(told(socket)[ERROR])["status"] == "Success"


@pytest.mark.programs
def test_what_is_sent_is_its_input_until_that_is_closed(dial, running):
    with dial(running, "cat", stdin=True) as socket:
        socket.send(bytes([STDIN]) + b"one ")
        socket.send(bytes([STDIN]) + b"two")
        socket.send(bytes([CLOSE, STDIN]))
        assert told(socket)[STDOUT] == b"one two"


@pytest.mark.programs
def test_much_comes_whole(dial, running):
    with dial(running, "sh", "-c", "head -c 3000000 /dev/zero") as socket:
        assert len(told(socket)[STDOUT]) == 3_000_000


@pytest.mark.programs
def test_a_terminal_is_one_and_has_the_size_that_it_is_given(dial, running):
    script = 'test -t 0 && test -t 1 && echo a terminal; read word; stty size; echo "said $word"'
    with dial(running, "sh", "-c", script, stdin=True, tty=True) as socket:
        until(socket, STDOUT, b"a terminal")
        socket.send(bytes([RESIZE]) + json.dumps({"Width": 132, "Height": 43}).encode())
        socket.send(bytes([STDIN]) + b"hello\n")
        said = told(socket)[STDOUT]
    assert b"43 132" in said
    assert b"said hello" in said


@pytest.mark.programs
def test_the_keyboard_of_a_terminal_interrupts(dial, running):
    with dial(running, "sh", "-c", "echo waits; exec sleep 600", stdin=True, tty=True) as socket:
        until(socket, STDOUT, b"waits")
        socket.send(bytes([STDIN, 3]))  # Ctrl-C
        status = json.loads(told(socket)[ERROR])
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "130"}]


@pytest.mark.programs
def test_it_ends_with_its_pod(core, dial, running, namespace):
    with dial(running, "sh", "-c", "echo here; exec sleep 600") as socket:
        until(socket, STDOUT, b"here")
        core.delete_namespaced_pod(running, namespace, grace_period_seconds=0)
        said = told(socket)
    assert json.loads(said[ERROR])["status"] == "Failure"


@pytest.mark.programs
def test_it_ends_with_its_connection(dial, running, tmp_path):
    mark, script = tmp_path / "alive", "echo here; while :; do touch {}; sleep 0.1; done"
    with dial(running, "sh", "-c", script.format(shlex.quote(str(mark)))) as socket:
        until(socket, STDOUT, b"here")
        eventually(mark.exists)

    def stays_away():
        mark.unlink(missing_ok=True)
        time.sleep(0.5)
        return not mark.exists()

    eventually(stays_away)


@pytest.fixture
def seconds():
    """For how long to sleep, as no other process does."""
    asked = f"600.{secrets.randbelow(10**9):09}"
    yield asked
    for one in psutil.process_iter(["cmdline"]):
        if one.info["cmdline"] == ["sleep", asked]:
            one.kill()


def sleeps(seconds):
    return any(one.info["cmdline"] == ["sleep", seconds] for one in psutil.process_iter(["cmdline"]))


@pytest.mark.programs
def test_it_ends_with_a_client_that_sent_more_than_is_read(dial, running, seconds):
    sent = []

    def send(socket):
        with suppress(ConnectionClosed, OSError):
            while len(sent) < 1000:
                socket.send(bytes([STDIN]) + os.urandom(32 * 1024))
                sent.append(32 * 1024)

    with dial(running, "sleep", seconds, stdin=True) as socket:
        eventually(lambda: sleeps(seconds))
        threading.Thread(target=send, args=[socket], daemon=True).start()
        eventually(lambda: sum(sent) > 3 * 2**20 / 2)
        socket.socket.shutdown(sockets.SHUT_RDWR)
    eventually(lambda: not sleeps(seconds))


@pytest.mark.programs
def test_a_size_is_seen_behind_input_that_nobody_reads(dial, running):
    script = 'stty raw -echo; echo ready; until [ "$(stty size)" = "43 132" ]; do sleep 0.1; done; echo seen'
    with dial(running, "sh", "-c", script, stdin=True, tty=True) as socket:
        until(socket, STDOUT, b"ready")
        for _ in range(8):
            socket.send(bytes([STDIN]) + os.urandom(64 * 1024))
        socket.send(bytes([RESIZE]) + json.dumps({"Width": 132, "Height": 43}).encode())
        until(socket, STDOUT, b"seen")


@pytest.mark.programs
def test_jobs_of_a_shell_end_with_it(dial, running, seconds):
    with dial(running, "sh", "-m", "-c", f"sleep {seconds} & exec sleep 600", tty=True):
        eventually(lambda: sleeps(seconds))
    eventually(lambda: not sleeps(seconds))


@pytest.mark.programs
def test_what_it_leaves_behind_does_not_hold_it(dial, running, seconds):
    with dial(running, "sh", "-c", f"sleep {seconds} & echo here") as socket:
        until(socket, ERROR, b"Success")
    eventually(lambda: not sleeps(seconds))


@pytest.mark.programs
def test_who_leaves_the_session_stays_until_the_container_ends(core, dial, running, namespace, seconds):
    stays, ends = seconds, f"{seconds}1"
    script = f"(setsid sh -c 'echo here; exec sleep {stays} > /dev/null 2>&1' &); exec sleep {ends}"
    with dial(running, "sh", "-c", script) as socket:
        until(socket, STDOUT, b"here")
        eventually(lambda: sleeps(stays) and sleeps(ends))
    eventually(lambda: not sleeps(ends))
    assert sleeps(stays)
    core.delete_namespaced_pod(running, namespace, grace_period_seconds=0)
    eventually(lambda: not sleeps(stays))


@pytest.mark.programs
@pytest.mark.parametrize("tty", [True, False])
def test_words_that_no_process_can_be_given_are_refused(dial, running, tty):
    assert refusal(dial, running, "ls", "\0", tty=tty) == 400


@pytest.mark.programs
def test_the_official_client_runs_commands(core, running, namespace):
    run = core.connect_get_namespaced_pod_exec
    said = stream(run, running, namespace, command=["sh", "-c", "echo $WORD"], stdout=True, stderr=True)
    assert said == "kept\n"


@pytest.mark.programs
def test_a_program_that_is_not_there_is_told(dial, running):
    with pytest.raises(InvalidStatus) as refused, dial(running, "no-such-program"):
        pass
    assert refused.value.response.status_code == 500
    assert b"executable file not found" in refused.value.response.body


def test_what_is_not_there_or_does_not_run_is_refused(core, dial, namespace):
    assert refusal(dial, "nobody", "true") == 404
    core.create_namespaced_pod(namespace, pod("held"))
    assert refusal(dial, "held", "true") == 400
    assert refusal(dial, "held", "true", container="other") == 400


def test_a_command_needs_a_websocket(raw, pods, running):
    asked = {"command": "true", "stdout": "1"}
    assert raw.get(f"{pods}/{running}/exec", params=asked).status_code in (400, 500)
    assert raw.get(f"{pods}/nobody/exec", params=asked).status_code == 404
