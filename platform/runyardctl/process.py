"""How every process of ours is started: its own session, its output in a file, and never outliving us.
Used by the supervisor (asyncio) and by the services' synchronous `running()`; both give the same options.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from runyardctl.poll import until
from runyardctl.trouble import Trouble

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Command:
    """One process to start. `stop` is the signal that asks it to end in an orderly way."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to our own environment
    cwd: Path | None = None
    stop: signal.Signals = signal.SIGTERM
    grace_seconds: float | None = None  # how long it may take to end; None means as long as most
    account: tuple[int, int] | None = None  # uid and gid to run as; None means ours

    def whole_environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}

    def options(self, output: IO[bytes] | int) -> dict[str, Any]:
        """Keyword arguments for Popen, standard output and error both going to `output`."""
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": output,
            "stderr": subprocess.STDOUT,
            "env": self.whole_environment(),
            "cwd": self.cwd,
            "start_new_session": True,  # a Ctrl-C in the terminal reaches the supervisor alone
            "preexec_fn": _end_with_parent(self.stop),
        }
        if self.account:
            uid, gid = self.account
            options |= {"user": uid, "group": gid, "extra_groups": []}
        return options

    def run(self, timeout_seconds: float = 120) -> subprocess.CompletedProcess[bytes]:
        """Run to the end, output captured. Raises OSError (cannot start) or TimeoutExpired (hangs)."""
        options = self.options(subprocess.PIPE)
        return subprocess.run(self.argv, **options, timeout=timeout_seconds, check=False)


def _end_with_parent(sign: signal.Signals) -> Callable[[], None] | None:
    """A hook for the new process: the kernel sends it `sign` when we die, however we die. Linux only.

    The kernel ties the promise to the thread that forked, so only the main thread, which lives as long as the
    process, may give it. What a shorter-lived thread starts is brief (initdb) and ends by itself.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def hook() -> None:
        prctl(PR_SET_PDEATHSIG, int(sign))
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return hook


@contextmanager
def hold(command: Command, is_ready: Callable[[], bool], log: Path, seconds: float) -> Iterator[None]:
    """Run `command` beside the `with` block: ready before it, ended after it, its output in `log`.

    Raises Trouble with the log when it ends early or is not ready within `seconds`.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command.argv, **command.options(output))
    try:
        until(lambda: process.poll() is not None or is_ready(), seconds)
        if process.poll() is not None or not is_ready():
            said = log.read_text(errors="replace")
            raise Trouble(f"{command.argv[0]} did not start; its log is {log}.", detail=said)
        yield
    finally:
        end(process, command.stop)


def end(process: subprocess.Popen[bytes], sign: signal.Signals, grace_seconds: float = 10) -> None:
    """Ask `process` to end with `sign`; after the grace kill its whole group. Returns once it is gone."""
    process.send_signal(sign)
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def end_leftover(process: psutil.Process, sign: signal.Signals, grace_seconds: float = 10) -> None:
    """The same for a process that is not our child, left by an earlier run."""
    process.send_signal(sign)
    if not until(lambda: is_gone(process), grace_seconds):
        process.kill()
        until(lambda: is_gone(process), grace_seconds)


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; a zombie has, though nobody has asked for its exit code yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
