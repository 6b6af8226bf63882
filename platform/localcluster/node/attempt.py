"""One run of one container: its folder, its shim, how it is going. Used by the node's pods only.

DIR/spec    what to run, NUL-separated (see `Spec`); gone once the shim has read it
DIR/state   `key=value` lines by the shim: starting, running or exited, both identities, times, outcome
DIR/stop    `<grace seconds> <reason>`, read by the shim on SIGTERM
DIR/log/    CRI log files 00000000, 00000001, ...; the highest is being written
DIR/visited there while commands that the shim knows nothing of have run beside this one
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .proc import Identity, boot_id, marked_with

SHIM = Path(__file__).with_name("shim.py")
MARK = "LOCALCLUSTER_CONTAINER"
ROTATE_BYTES = 10 * 1024 * 1024
KEEP_FILES = 5
SHIM_ENVIRONMENT = {key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ}
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Spec:
    """A command as the operating system takes it; `cwd` exists."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    rotate_bytes: int = ROTATE_BYTES
    keep_files: int = KEEP_FILES

    def encode(self) -> bytes:
        """As the shim reads it. Raises ValueError for text that no process can be given."""
        fields = [self.cwd, str(self.rotate_bytes), str(self.keep_files), str(len(self.argv)), *self.argv]
        fields += [f"{name}={value}" for name, value in self.env.items()]
        if any("\0" in field for field in fields):
            raise ValueError("a command or environment variable holds a null character")
        return "\0".join(fields).encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Record:
    """What DIR/state says. Times are nanoseconds since the epoch, 0 while unknown."""

    phase: str  # starting, running, exited
    boot: str = ""
    shim: Identity | None = None
    child: Identity | None = None
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """None when there is no file, or one that a crash of the machine left empty."""
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:
            return None
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        if "phase" not in values:
            return None
        identities = {key: Identity.parse(values[key]) for key in ("shim", "child") if values.get(key)}
        numbers = {key: int(values.get(key) or 0) for key in cls._numbers}
        words = {key: values.get(key, "") for key in ("phase", "boot", "reason", "message")}
        return cls(**identities, **numbers, **words)  # type: ignore[arg-type]

    _numbers = ("started_at", "finished_at", "exit_code", "signal")

    def lost(self) -> "Record":
        """The outcome when nobody was left to write one."""
        message = "The container could not be located when the pod was terminated"
        finished_at = time.time_ns()
        outcome = replace(self, phase="exited", finished_at=finished_at, exit_code=137, signal=0)
        return replace(
            outcome,
            started_at=self.started_at or finished_at,
            reason="ContainerStatusUnknown",
            message=message,
        )


class Attempt:
    """Starts, adopts, watches and ends the processes of one run; `changed` is called when `record` moves."""

    def __init__(self, folder: Path, mark: str, changed: Callable[[], None]) -> None:
        self.folder, self.changed = folder, changed
        self.mark = f"{MARK}={mark}"
        self._marked = {MARK: mark}
        self.record: Record | None = None
        self._shim: subprocess.Popen[bytes] | None = None
        self._pidfd = self._notified = -1
        self._stop_asked = False

    @property
    def exited(self) -> bool:
        return self.record is not None and self.record.phase == "exited"

    @property
    def running(self) -> bool:
        return self.record is not None and self.record.phase == "running"

    def start(self, spec: Spec) -> None:
        """Never twice for one folder: the shim claims it before it runs anything. Raises OSError."""
        (self.folder / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
        data = replace(spec, env=spec.env | self._marked).encode()
        beside = self.folder / "spec.new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        beside.rename(self.folder / "spec")
        self._launch()

    def adopt(self) -> None:
        """Takes up what an earlier server left: starts it if nobody had, watches it, or learns its end."""
        self.record = Record.read(self.folder / "state")
        if self.record is None and (self.folder / "spec").exists():
            self._launch()
        elif self.record is None:
            self.record = Record("exited").lost()
        elif not self.exited:
            self._watch_owner()

    def fail(self, reason: str, message: str, exit_code: int = 128) -> None:
        """Records, for good, that this run could not even be tried."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = time.time_ns()
        self.record = Record(
            "exited", started_at=now, finished_at=now, exit_code=exit_code, reason=reason, message=message
        )
        values = {"phase": "exited", "started_at": now, "finished_at": now, "exit_code": exit_code}
        lines = [f"{key}={value}" for key, value in values.items()]
        text = "\n".join([*lines, f"reason={reason}", f"message={' '.join(message.split())}", ""])
        (self.folder / "state.new").write_text(text)
        (self.folder / "state.new").rename(self.folder / "state")

    def stop(self, grace: float, reason: str = "") -> None:
        """TERM for the whole tree, KILL for what is left after `grace` seconds; asked again, sooner wins."""
        if self.exited:
            return
        with contextlib.suppress(OSError):  # a full disk: without the file the shim gives 30 seconds
            (self.folder / "stop.new").write_text(f"{grace} {reason}")
            (self.folder / "stop.new").rename(self.folder / "stop")
        self._stop_asked = True
        self._pass_on_stop()

    def visitor(self, environment: dict[str, str]) -> dict[str, str]:
        """For a command that is to run beside this one: with the mark by which `end_visitors` finds it."""
        with contextlib.suppress(OSError):  # a full disk
            (self.folder / "visited").touch()
        return environment | self._marked

    def end_visitors(self) -> None:
        """Kills, once the run is over, whatever commands beside it have left; also an earlier server's."""
        if (self.folder / "visited").exists():
            self.kill_remains()
            (self.folder / "visited").unlink()

    def release(self) -> None:
        """Stops watching; the processes go on."""
        loop = asyncio.get_running_loop()
        for descriptor in (self._pidfd, self._notified):
            if descriptor >= 0:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        self._pidfd = self._notified = -1

    def remove(self) -> None:
        self.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> None:
        read, write = os.pipe()
        command = [sys.executable, "-I", "-S", str(SHIM), str(self.folder), str(write)]
        try:
            self._shim = subprocess.Popen(
                command,
                env=SHIM_ENVIRONMENT,
                cwd="/",
                pass_fds=[write],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        finally:
            os.close(write)
        self._notified = read
        loop = asyncio.get_running_loop()
        loop.add_reader(read, self._notice)
        self._watch(os.pidfd_open(self._shim.pid))

    def _watch(self, pidfd: int) -> None:
        self._pidfd = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._shim_ended)

    def _notice(self) -> None:
        asyncio.get_running_loop().remove_reader(self._notified)
        os.close(self._notified)
        self._notified = -1
        self._refresh()

    def _refresh(self) -> None:
        self.record = Record.read(self.folder / "state") or self.record
        self._pass_on_stop()
        self.changed()

    def _pass_on_stop(self) -> None:
        """Only once the command runs: until then the shim has no ears, and its ending would lose the run."""
        if self._stop_asked and self.running and self._pidfd >= 0:
            try:
                signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)
            except ProcessLookupError:
                return  # it has ended, which the pidfd is about to tell

    def _shim_ended(self) -> None:
        self.release()
        if self._shim is not None:
            self._shim.wait()
            self._shim = None
        self.record = Record.read(self.folder / "state")
        if not self.exited:
            self._watch_owner()
        self.changed()

    def _watch_owner(self) -> None:
        """Watches the shim that has claimed this run; when that is gone too, ends what it left behind."""
        owner = self.record.shim if self.record and self.record.boot == boot_id() else None
        pidfd = owner.open() if owner else None
        if pidfd is not None:
            self._watch(pidfd)
            self._await_running()
            return
        self.record = Record.read(self.folder / "state") or self.record
        if not self.exited:
            self.kill_remains()
            self.record = (self.record or Record("exited")).lost()

    def _await_running(self) -> None:
        """An adopted shim has nobody to notify: look until the command runs, which takes it milliseconds."""
        if self.record is not None and self.record.phase == "starting" and self._pidfd >= 0:
            self.record = Record.read(self.folder / "state") or self.record
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._await_running)
        elif self.running:
            self._pass_on_stop()
            self.changed()

    def kill_remains(self) -> None:
        """Kills what no shim has below it, or can any more: every process that carries this run's mark."""
        for _ in range(10):
            remains = marked_with(self.mark)
            for identity in remains:
                identity.signal(signal.SIGKILL)
            if not remains:
                return
