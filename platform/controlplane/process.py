"""One process of the control plane: started in a group of its own, its output in a file, never outliving us.

`plane` starts and ends them; tests of faults also kill, pause and restart them.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from controlplane.trouble import CannotStart

READY_SECONDS = 90.0
GRACE_SECONDS = 10.0
TAIL_LINES = 40
ENDS = (signal.SIGTERM, signal.SIGINT)  # by which we are asked to end
_PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    """`name` for people, its command line, its log (appended to), and how to ask whether it is ready."""

    name: str
    argv: Sequence[str]
    log: Path
    is_ready: Callable[[], bool]
    _running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None when it does not run."""
        return self._running.pid if self._running and self._running.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it is ready. Raises CannotStart."""
        with self.log.open("ab") as output, _unasked() as mask:
            self._running = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with(os.getpid(), mask),
            )
        ends = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.pid is None:
                raise CannotStart(self.story(f"ended with exit code {self._running.poll()}"))
            if time.monotonic() > ends:
                raise CannotStart(self.story(f"is not ready after {READY_SECONDS:.0f} s"))
            time.sleep(0.05)

    def end(self) -> None:
        """Ask it to end, after the grace kill its whole group; returns once it is gone. Idempotent.

        An exception in the middle, as of a second Ctrl-C, is the end of the grace.
        """
        try:
            self.signal(signal.SIGCONT)  # a paused one would not hear the question
            self.signal(signal.SIGTERM)
            if self._running:
                with suppress(subprocess.TimeoutExpired):
                    self._running.wait(GRACE_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End its whole group at once, as a crash would; returns once it is gone."""
        if self._running and self.pid is not None:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()

    def pause(self) -> None:
        """It stands still and its connections stay open; `resume` lets it go on."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, sign: signal.Signals) -> None:
        if self._running and self.pid is not None:
            self._running.send_signal(sign)

    def story(self, what: str) -> str:
        """`what` happened to it, its command line and the end of its log, for a person."""
        return f"{self.name} {what}: {' '.join(self.argv)}\n{self.tail()}"

    def tail(self, lines: int = TAIL_LINES) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def _unasked() -> Iterator[set[int]]:
    """Whoever asks us to end is heard afterwards: nothing is left that was born and is not known yet."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with(parent: int, mask: set[int] | None = None) -> Callable[[], None]:
    """A `preexec_fn`: on Linux the kernel kills the new process when the thread that started it dies.

    With a `mask` the new process has that one, whatever is blocked while it is born.
    """
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def hook() -> None:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if prctl:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
            if os.getppid() != parent:  # it died before the promise was given
                os._exit(1)

    return hook
