"""The exporter as a program: it starts, serves and ends, and refuses in words."""

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.embedded import free_port, until

COMMAND = [sys.executable, "-m", "metrics.exporter"]


def test_it_serves_without_a_gpu_and_ends_when_told():
    port = free_port()
    process = subprocess.Popen([*COMMAND, "--port", str(port), "--node-name", "n1"])

    def page():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
        except OSError:
            assert process.poll() is None

    try:
        text = until(page, 60)
        assert 'runyard_gpu_exporter_up{Hostname="n1",reason="' in text
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "must be a number up to 65535"),
        (["--port", "http"], "must be a number up to 65535"),
        (["--listen", "203.0.113.1"], "cannot start"),
        (["--pod-resources", "/a", "--embedded", "/b"], "not allowed with argument"),
    ],
)
def test_what_it_cannot_do_it_refuses_in_words(arguments, words):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_taken_port_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Address already in use" in done.stderr) == (2, True)
