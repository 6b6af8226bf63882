"""`runyard up` on the real thing: serves pages, survives the death of each process, leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from runyardctl.poll import until
from runyardctl.process import is_gone

NAMES = ("PostgreSQL", "Valkey", "Cluster", "Worker", "Beat", "Web")


class Up:
    """One `runyard up` in a home of its own, its lines in a file."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
        self.env = clean | {"RUNYARD_HOME": str(home), "RUNYARD_PORT": str(port)}
        self.lines = home.with_suffix(".out")
        self.began = time.monotonic()
        with self.lines.open("wb") as output:
            argv = [sys.executable, "-m", "runyardctl", "up"]
            self.process = subprocess.Popen(argv, env=self.env, stdout=output, stderr=subprocess.STDOUT)

    @property
    def text(self) -> str:
        return self.lines.read_text()

    def wait_until_serving(self) -> float:
        """Seconds from the command to the first page."""
        assert until(lambda: self.process.poll() is not None or self.serves(), 90), self.text
        assert self.process.poll() is None, self.text
        return time.monotonic() - self.began

    def wait_for(self, text: str) -> None:
        assert until(lambda: text in self.text, 60), self.text

    def serves(self, path: str = "/") -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as page:
                return b"<html" in page.read()
        except (OSError, urllib.error.HTTPError):
            return False

    def child(self, name: str) -> psutil.Process:
        return psutil.Process(int((self.home / "pids" / f"{name.lower()}.pid").read_text().split()[0]))

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, sign: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(sign)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[Up]:
    """The first start; the tests below go on from one another's state, as a person's machine does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Up(tmp_path_factory.mktemp("up") / "home", port)
    running.wait_until_serving()
    running.wait_for("Ctrl-C")
    yield running
    if running.process.poll() is None:
        running.end()


def test_the_first_start_says_how_to_get_in_and_the_link_works(up):
    assert re.search(r"Password +\S{12,}  \(shown only now\)", up.text)
    link = re.search(rf"Sign in +http://127.0.0.1:{up.port}(/\S+)", up.text)
    assert link
    assert up.serves(link[1])
    for name in NAMES:
        assert re.search(rf"^  {name} ready \(\d+\.\d s\)$", up.text, re.M)


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_process_is_back_and_pages_are_served(up, name):
    old = up.child(name)
    old.kill()
    up.wait_for(f"{name} died (SIGKILL); restarted, ready (")
    assert up.child(name) != old
    assert until(up.serves, 20)


def test_manage_reaches_the_running_one(up):
    argv = [sys.executable, "-m", "runyardctl", "manage", "shell", "-v", "0", "-c", COUNT_PEOPLE]
    done = subprocess.run(argv, env=up.env, capture_output=True, text=True)
    assert done.stdout.split() == ["people:", "1"], done.stderr


COUNT_PEOPLE = "from runyard.tenancy.models import User; print('people:', User.objects.count())"


def test_ctrl_c_leaves_nothing_and_the_next_start_serves_a_page_within_ten_seconds(up):
    processes = up.processes()
    assert up.end() == 0
    assert "Running workloads of the embedded cluster end too" in up.text
    assert all(map(is_gone, processes))
    again = Up(up.home, up.port)
    try:
        assert again.wait_until_serving() < 10
        again.wait_for("Ctrl-C")
        assert "Password" not in again.text
        processes = again.processes()
    finally:
        again.end(signal.SIGKILL)
    assert until(lambda: all(map(is_gone, processes)), 15), "kill -9 of the supervisor left something running"
    third = Up(up.home, up.port)
    try:
        third.wait_until_serving()
    finally:
        assert third.end(signal.SIGTERM) == 0
