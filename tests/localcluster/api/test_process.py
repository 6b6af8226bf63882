"""`python -m localcluster` as a user meets it: start, refusals, restart, end."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from localcluster import server
from tests.contracts.objects import config_map, eventually, watching

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


def command(home, port=0):
    return [
        sys.executable,
        "-m",
        "localcluster",
        "--home",
        str(home),
        "--port",
        str(port),
        "--node-name",
        "node-1",
    ]


@contextmanager
def running(home, port=0):
    """The process and a client that its kubeconfig leads to."""
    kubeconfig = home / "kubeconfig"
    kubeconfig.unlink(missing_ok=True)
    with subprocess.Popen(command(home, port), stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: kubeconfig.exists() or process.poll() is not None)
            assert process.poll() is None, process.stderr.read()
            config = json.loads(kubeconfig.read_text())
            headers = {"authorization": f"Bearer {config['users'][0]['user']['token']}"}
            server = config["clusters"][0]["cluster"]["server"]
            with httpx.Client(base_url=server, headers=headers, timeout=30) as client:
                yield process, client
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)


def refusal(home, port=0):
    done = subprocess.run(command(home, port), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    return line


def test_it_starts_serves_and_ends_in_order(tmp_path):
    home = tmp_path / "cluster"
    with running(home) as (process, client):
        assert client.get("/readyz").text == "ok"
        for private in ("kubeconfig", "token", "objects.db", "objects.db-wal"):
            assert (home / private).stat().st_mode & 0o777 == 0o600
        assert psutil.Process(process.pid).memory_info().rss < 90 * 1024 * 1024
        with watching(client, CONFIGMAPS) as events:
            process.send_signal(signal.SIGTERM)
            assert list(events) == []
        assert process.wait(20) == 0


def test_objects_watches_and_the_token_outlive_a_kill(tmp_path):
    with running(tmp_path) as (process, client):
        made = client.post(CONFIGMAPS, json=config_map("kept")).json()
        token = client.headers["authorization"]
        process.kill()
    with running(tmp_path) as (_, client):
        assert client.headers["authorization"] == token
        assert client.get(f"{CONFIGMAPS}/kept").json() == made
        later = client.post(CONFIGMAPS, json=config_map("later")).json()
        before = str(int(made["metadata"]["resourceVersion"]) - 1)
        with watching(client, CONFIGMAPS, resourceVersion=before) as events:
            assert [obj for _, (_, obj) in zip(range(2), events, strict=False)] == [made, later]


def test_a_busy_port_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in refusal(tmp_path, port)
    assert not (tmp_path / "kubeconfig").exists()


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot make the folder" in refusal(tmp_path / "file")


def test_a_folder_that_cannot_be_written_is_one_clear_line():
    assert "cannot write in /proc" in refusal(Path("/proc"))  # nobody may, not even root


def test_a_damaged_store_is_one_clear_line(tmp_path):
    (tmp_path / "objects.db").write_bytes(b"not a database at all, but long enough to be read as one" * 50)
    line = refusal(tmp_path)
    assert f"cannot use {tmp_path}/objects.db" in line
    assert "move it away to start empty" in line


@pytest.mark.parametrize("name", ["token", "kubeconfig", "pods"])
def test_a_thing_in_the_place_of_another_is_one_clear_line(tmp_path, name):
    if name == "pods":
        (tmp_path / name).touch()
    else:
        (tmp_path / name).mkdir()
    assert f"cannot use {tmp_path / name}" in refusal(tmp_path)


def test_a_full_disk_is_said_to_be_one(tmp_path):
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    with pytest.raises(server.CannotStart, match="free some space"), server._explained(tmp_path):
        raise full


def test_a_head_without_end_is_refused(tmp_path):
    with running(tmp_path) as (_, client):
        with socket.create_connection((client.base_url.host, client.base_url.port)) as stranger:
            stranger.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 66_000)
            assert stranger.recv(100).startswith(b"HTTP/1.1 400")
        assert client.get("/readyz").status_code == 200


def test_one_folder_has_one_server(tmp_path):
    with running(tmp_path) as (_, client):
        assert "another localcluster already runs" in refusal(tmp_path)
        assert client.get("/readyz").status_code == 200


def test_being_told_to_end_again_and_again_changes_nothing(tmp_path):
    with running(tmp_path) as (process, _):
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.005)
        assert process.returncode == 0
