"""One process of the kit: what is said when it cannot start, and that it never outlives who started it."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from controlplane import process
from controlplane.process import Process
from controlplane.trouble import CannotStart
from tests.embedded import until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, pathlib, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)",
]


class Asked(Exception):
    pass


def ask(*_):
    raise Asked


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_one_that_ends_at_once_is_told_with_its_command_line_and_log(tmp_path):
    argv = [sys.executable, "-c", "print('no room on this disk'); raise SystemExit(7)"]
    with pytest.raises(CannotStart) as trouble:
        Process("etcd", argv, tmp_path / "log", lambda: False).start()
    assert str(trouble.value).startswith(f"etcd ended with exit code 7: {sys.executable} -c ")
    assert str(trouble.value).endswith("\nno room on this disk")


def test_one_that_never_gets_ready_is_told_too(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "READY_SECONDS", 0.2)
    slow = Process("etcd", SLEEP, tmp_path / "log", lambda: False)
    with pytest.raises(CannotStart, match="etcd is not ready after"):
        slow.start()
    assert slow.pid
    slow.end()
    assert slow.pid is None


def test_one_that_is_deaf_is_killed_after_the_grace(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    heard = tmp_path / "heard"
    deaf = Process("etcd", [*DEAF, str(heard)], tmp_path / "log", heard.exists)
    deaf.start()
    pid = deaf.pid
    deaf.end()
    assert gone(pid)


TELLS = [
    sys.executable,
    "-c",
    "import os, pathlib, signal, sys, time;"
    "signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGUSR1));"
    "pathlib.Path(sys.argv[1]).touch(); [time.sleep(1) for _ in range(600)]",
]


def test_one_that_is_deaf_is_killed_at_once_when_we_are_asked_once_more(tmp_path, monkeypatch):
    """The second asking comes when the first has been heard, in the middle of the grace."""
    monkeypatch.setattr(process, "GRACE_SECONDS", 60)
    heard = tmp_path / "heard"
    deaf = Process("etcd", [*TELLS, str(heard)], tmp_path / "log", heard.exists)
    before = signal.signal(signal.SIGUSR1, ask)
    try:
        deaf.start()
        pid = deaf.pid
        with pytest.raises(Asked):
            deaf.end()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert gone(pid)


def test_a_paused_one_ends_too(tmp_path):
    one = Process("etcd", SLEEP, tmp_path / "log", lambda: True)
    one.start()
    one.pause()
    pid = one.pid
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, what="the pause")
    one.end()
    assert gone(pid)


def test_none_outlives_a_starter_that_is_killed(tmp_path):
    """As when a test run is ended with `kill -9`."""
    script = (
        "import sys, time; from pathlib import Path; from controlplane.process import Process;"
        f"one = Process('etcd', {SLEEP!r}, Path({str(tmp_path / 'log')!r}), lambda: True); one.start();"
        "print(one.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        pid = int(starter.stdout.readline())
        assert psutil.pid_exists(pid)
        os.kill(starter.pid, signal.SIGKILL)
    until(lambda: gone(pid), what="it to be gone")


@pytest.fixture
def asked_at_birth(monkeypatch):
    """Whoever starts a process is asked to end before it has got to know it."""

    class Popen(subprocess.Popen):
        def __init__(self, *args, **how):
            super().__init__(*args, **how)
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, ask)
    monkeypatch.setattr(subprocess, "Popen", Popen)
    yield
    signal.signal(signal.SIGTERM, before)


def test_one_is_known_and_hears_who_asks_even_if_its_starter_is_asked_at_its_birth(tmp_path, asked_at_birth):
    one = Process("etcd", SLEEP, tmp_path / "log", lambda: True)
    with pytest.raises(Asked):
        one.start()
    pid = one.pid
    assert pid
    blocked = re.search(r"SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    assert int(blocked[1], 16) == 0
    one.end()
    assert gone(pid)
