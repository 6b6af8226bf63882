"""The supervisor on real processes: order, restart, giving up, ending, and nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runyardctl.poll import until
from runyardctl.process import is_gone

YARD = Path(__file__).with_name("yard.py")


class Yard:
    """One running supervisor, its lines so far, and its children."""

    def __init__(self, home: Path, *services: str) -> None:
        argv = [sys.executable, str(YARD), str(home), *services]
        self.home = home
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.itself = psutil.Process(self.process.pid)
        self.text = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, text: str, times: int = 1) -> None:
        assert until(lambda: self.text.count(text) >= times, 60), self.text

    def child(self, name: str) -> psutil.Process:
        return psutil.Process(int((self.home / "pids" / f"{name.lower()}.pid").read_text().split()[0]))

    def pid_of(self, name: str) -> int:
        """What a child has written down of itself, which stays when all is over."""
        file = self.home / f"{name}.self"
        assert until(lambda: file.exists() and file.read_text().endswith("\n"), 60), self.text
        return int(file.read_text())

    def children(self) -> list[psutil.Process]:
        return self.itself.children(recursive=True)

    def end(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(60)
        self._reader.join()
        return code


@pytest.fixture
def yard(tmp_path) -> Iterator[Callable[..., Yard]]:
    yards: list[Yard] = []

    def start(*services: str) -> Yard:
        yards.append(Yard(tmp_path, *services))
        return yards[-1]

    yield start
    for one in yards:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)


def all_gone(processes: list[psutil.Process]) -> bool:
    return until(lambda: all(map(is_gone, processes)), 60)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_children_in_reverse_order(yard, tmp_path, sign):
    running = yard("First=orderly", "Second=orderly", "Third=orderly")
    running.wait_for("all ready")
    assert (
        running.text.index("First ready") < running.text.index("Second ready") < running.text.index("Third")
    )
    children = running.children()
    assert running.end(sign) == 0
    assert (tmp_path / "order").read_text().split() == ["Third", "Second", "First"]
    assert all_gone(children)
    assert not list((tmp_path / "pids").iterdir())


def test_children_have_sessions_of_their_own_so_that_ctrl_c_reaches_the_supervisor_alone(yard):
    running = yard("First=steady")
    running.wait_for("all ready")
    assert (
        os.getsid(running.child("First").pid) == running.child("First").pid != os.getsid(running.process.pid)
    )


def test_nothing_else_is_ended(yard):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        running = yard("First=steady")
        running.wait_for("all ready")
        running.end(signal.SIGINT)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_killed_child_is_back_at_once_and_said_so(yard):
    running = yard("First=steady", "Second=steady")
    running.wait_for("all ready")
    first, second = running.child("First"), running.child("Second")
    first.kill()
    running.wait_for("First died (SIGKILL); restarted, ready (")
    assert running.child("First") != first
    assert running.child("Second") == second


def test_a_child_that_dies_again_and_again_ends_everything_with_its_last_words(yard):
    running = yard("First=steady", "Second=sickly")
    assert running.wait() == 1
    last = running.text.splitlines()[-1]
    assert last.startswith(
        "runyard: Second ended (exit code 4) for the 5th time within 600 s; everything is stopped"
    )
    assert "second.log" in last
    assert "the Second has no luck" in running.text
    assert not psutil.pid_exists(running.pid_of("First"))


def test_a_child_that_dies_while_starting_ends_everything_with_its_last_words(yard):
    running = yard("First=steady", "Second=stillborn")
    assert running.wait() == 1
    assert "Second ended (exit code 3) while starting" in running.text.splitlines()[-1]
    assert "no such thing as a Second" in running.text
    assert not psutil.pid_exists(running.pid_of("First"))


def test_a_child_that_never_gets_ready_ends_everything(yard, monkeypatch):
    monkeypatch.setenv("READY_SECONDS", "2")
    running = yard("First=hanging")
    assert running.wait() == 1
    assert "First is not ready after 2 s" in running.text
    assert not psutil.pid_exists(running.pid_of("First"))


def test_a_child_deaf_to_term_is_killed_after_its_grace(yard, monkeypatch):
    monkeypatch.setenv("GRACE", "0.7")
    running = yard("First=stubborn")
    running.wait_for("all ready")
    children = running.children()
    assert running.end(signal.SIGTERM) == 0
    assert all_gone(children)


def test_a_second_ctrl_c_does_not_wait_for_the_grace(yard, monkeypatch):
    monkeypatch.setenv("GRACE", "600")
    running = yard("First=stubborn", "Second=stubborn")
    running.wait_for("all ready")
    children = [running.child("First"), running.child("Second")]
    running.process.send_signal(signal.SIGINT)
    running.wait_for("Stopping")
    assert not any(map(is_gone, children))
    assert running.end(signal.SIGINT) == 0
    assert all_gone(children)


def test_a_signal_in_the_middle_of_the_start_ends_what_there_is(yard):
    running = yard("First=orderly", "Second=hanging", "Third=steady")
    running.wait_for("First ready")
    children = running.children()
    assert running.end(signal.SIGINT) == 0
    assert "Third" not in running.text
    assert all_gone(children)


def test_kill_9_of_the_supervisor_leaves_nothing_running(yard):
    running = yard("First=steady", "Second=orderly")
    running.wait_for("all ready")
    children = running.children()
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    assert all_gone(children)


def test_what_outlived_a_killed_supervisor_is_ended_by_the_next_start(yard, monkeypatch):
    monkeypatch.setenv("GRACE", "0.7")
    running = yard("First=stubborn")
    running.wait_for("all ready")
    left = running.child("First")
    running.end(signal.SIGKILL)
    assert not is_gone(left)
    following = yard("First=steady")
    following.wait_for("all ready")
    assert "Ended first, left running by an earlier start" in following.text
    assert is_gone(left)


def test_a_pid_that_now_belongs_to_a_stranger_is_left_alone(yard, tmp_path):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        (tmp_path / "pids").mkdir()
        (tmp_path / "pids" / "first.pid").write_text(f"{stranger.pid} 12345.0 15")
        (tmp_path / "pids" / "second.pid").write_text("half a li")
        running = yard("First=steady")
        running.wait_for("all ready")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_second_start_on_the_same_folder_names_the_first(yard):
    running = yard("First=steady")
    running.wait_for("all ready")
    first = running.child("First")
    second = yard("First=steady")
    assert second.wait() == 1
    assert f"already runs on {running.home} (pid {running.process.pid})" in second.text
    assert not is_gone(first)


def test_alarms_are_shown_under_the_child_s_name_and_the_rest_is_not(yard):
    running = yard("First=anxious")
    running.wait_for("First: WARNING it is late")
    assert "all is well" not in running.text
    assert "all is well" in (running.home / "logs" / "first.log").read_text()
