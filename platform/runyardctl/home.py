"""RUNYARD_HOME, the folder of all state: makes it, checks it, locks it, keeps the secret key in it."""

import fcntl
import os
import secrets
import shutil
from pathlib import Path

from runyardctl.trouble import Trouble

ROOM_BYTES = 300 * 1024 * 1024  # a new database with its log, and room for the first workloads' logs


class Home:
    """The state folder (absolute). Making the object touches nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    def make(self) -> None:
        """Make the folders. Raises Trouble when that cannot be, or when the disk is nearly full."""
        try:
            for folder in (self.folder, self.logs, self.pids):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise Trouble(
                f"Cannot write to {self.folder} ({error.strerror}); set RUNYARD_HOME to a folder of yours."
            ) from error
        free = shutil.disk_usage(self.folder).free
        if free < ROOM_BYTES:
            raise Trouble(
                f"Only {free >> 20} MiB are free on the disk of {self.folder}, {ROOM_BYTES >> 20} are needed;"
                " free some, or set RUNYARD_HOME to a folder on another disk."
            )

    def lock(self) -> None:
        """Take the folder for this process, until it ends. Raises Trouble naming the one that has it."""
        self._lock = os.open(self.folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._lock, 20).decode().strip() or "unknown"
            raise Trouble(
                f"`runyard up` already runs on {self.folder} (pid {holder});"
                " stop it first, or set RUNYARD_HOME to another folder."
            ) from error
        os.truncate(self._lock, 0)
        os.write(self._lock, str(os.getpid()).encode())

    def unlock(self) -> None:
        """Give the folder back; called when nothing of ours uses it any more."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def require_running(self) -> None:
        """Raise Trouble unless some `runyard up` holds the folder."""
        try:
            self.make()
            self.lock()
        except Trouble:
            return
        self.unlock()
        raise Trouble(f"Nothing runs on {self.folder}; start it with `runyard up` and ask again.")

    def secret_key(self) -> str:
        """The key that signs sessions: made once, readable by the owner alone."""
        file = self.folder / "secret-key"
        if not file.exists():
            half = self.folder / f"secret-key.{os.getpid()}"
            with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
                output.write(secrets.token_urlsafe(64))
            half.rename(file)
        return file.read_text().strip()
