"""`runyard up` says in one line why it cannot start, ends with code 1, and has started nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from runyardctl.home import Home
from runyardctl.poll import until
from runyardctl.trouble import Trouble

RUNYARD = (sys.executable, "-m", "runyardctl")
AS_NOBODY_S_ROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def refusal(tmp_path, free_port):
    """Runs `runyard up` with the given variables; returns its last words once it has refused."""

    def refuse(*prefix: str, words: tuple[str, ...] = (), **variables: object) -> str:
        settings = {"HOME": tmp_path / "home", "PORT": free_port} | variables
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
        env = clean | {f"RUNYARD_{name}": str(value) for name, value in settings.items()}
        done = subprocess.run(
            [*prefix, *RUNYARD, "up", *words], env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1, done
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert not started_under(settings["HOME"])
        return done.stderr

    return refuse


def started_under(home: object) -> list[psutil.Process]:
    return [
        p for p in psutil.process_iter(["cmdline"]) if any(str(home) in w for w in p.info["cmdline"] or ())
    ]


def test_a_busy_port_is_named_with_its_holder_and_the_way_out(refusal):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(PORT=port)
    assert f"Port {port} is in use" in said
    assert f"(pid {os.getpid()})" in said
    assert f"RUNYARD_PORT={port + 1}" in said


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1"])
def test_a_port_that_is_none_is_refused(refusal, port):
    assert f"RUNYARD_PORT is '{port}'" in refusal(PORT=port)


def test_a_host_that_is_not_of_this_machine_is_refused(refusal):
    assert "Cannot listen on 192.0.2.1" in refusal(HOST="192.0.2.1")


def test_a_read_only_folder_is_named_with_the_way_out(refusal, tmp_path):
    folder = tmp_path / "fixed"
    folder.mkdir(mode=0o500)
    # Root may write anywhere; in a user namespace of its own it may not.
    prefix = AS_NOBODY_S_ROOT if os.geteuid() == 0 else ()
    said = refusal(*prefix, HOME=folder)
    assert f"Cannot write to {folder}" in said
    assert "RUNYARD_HOME" in said


def test_a_folder_below_a_file_is_refused(refusal, tmp_path):
    (tmp_path / "file").touch()
    assert "Cannot write to" in refusal(HOME=tmp_path / "file" / "home")


def test_a_full_disk_is_said_with_what_is_needed(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9 - 5_000_000, 5_000_000))
    with pytest.raises(Trouble, match=r"Only 4 MiB are free .* 300 are needed"):
        Home(tmp_path).make()


def test_a_kubeconfig_that_does_not_exist_is_named(refusal, tmp_path):
    said = refusal(KUBECONFIG=tmp_path / "nowhere")
    assert f"RUNYARD_KUBECONFIG names {tmp_path / 'nowhere'}" in said


def test_one_home_has_one_cluster(refusal, tmp_path):
    """Rows of the other would be taken for gone."""
    for there, words, said in (
        (
            "cluster/kubeconfig",
            ("--cluster", "kit"),
            "has an embedded cluster; for --cluster kit set RUNYARD_HOME",
        ),
        ("control-plane/kubeconfig-admin", (), "has a cluster of the kit; add --cluster kit"),
    ):
        home = tmp_path / there.split("/")[0]
        (home / there).parent.mkdir(parents=True)
        (home / there).touch()
        assert said in refusal(HOME=home, words=words)


def test_a_kit_without_go_is_said(refusal, tmp_path):
    said = refusal("env", f"PATH={tmp_path}", words=("--cluster", "kit"))
    assert said == "runyard: the control-plane kit needs Go 1.26 or newer, and there is no `go`\n"


def test_a_kit_beside_another_cluster_is_refused(refusal, tmp_path):
    said = refusal(KUBECONFIG=tmp_path / "theirs", words=("--cluster", "kit"))
    assert said == "runyard: RUNYARD_KUBECONFIG names a cluster already; unset it for --cluster kit.\n"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/db", "no PostgreSQL answers at 127.0.0.1, database db"),
        ("postgresql://me:s3cret@/db?host=/nowhere", "no PostgreSQL answers at /nowhere, database db"),
        ("mysql://me:s3cret@127.0.0.1/db", "is not a PostgreSQL URL"),
    ],
)
def test_a_database_that_does_not_answer_is_said_without_its_password(refusal, url, words):
    said = refusal(DATABASE_URL=url)
    assert words in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://:s3cret@127.0.0.1:1/0", "no Redis answers"),
        ("unix:///nowhere/valkey.sock", "no Redis answers"),
        ("http://127.0.0.1:6379", "must begin with redis://"),
    ],
)
def test_a_redis_that_does_not_answer_is_said_without_its_password(refusal, url, words):
    said = refusal(REDIS_URL=url)
    assert words in said
    assert "s3cret" not in said


def test_a_folder_in_use_is_refused_with_the_pid_that_has_it(refusal, tmp_path):
    Home(tmp_path / "home").make()
    env = os.environ | {"HELD": str(tmp_path / "home")}
    holder = subprocess.Popen([sys.executable, "-c", HOLD], env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert f"already runs on {tmp_path / 'home'} (pid {holder.pid})" in refusal()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    home = Home(tmp_path / "home")
    assert until(lambda: lockable(home), 5), "a dead holder's lock is no lock"


HOLD = """
import os, pathlib, time
from runyardctl.home import Home
Home(pathlib.Path(os.environ["HELD"])).lock()
print("held", flush=True)
time.sleep(600)
"""


def lockable(home: Home) -> bool:
    try:
        home.lock()
    except Trouble:
        return False
    home.unlock()
    return True


def test_manage_asks_for_a_running_one(tmp_path):
    env = os.environ | {"RUNYARD_HOME": str(tmp_path / "home")}
    done = subprocess.run([*RUNYARD, "manage", "check"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Nothing runs on {Path(tmp_path, 'home')}" in done.stderr


def test_the_secret_key_is_made_once_and_is_for_the_owner_alone(tmp_path):
    first = Home(tmp_path).secret_key()
    assert len(first) >= 64
    assert Home(tmp_path).secret_key() == first
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
