"""What a container says from the moment on at which somebody attaches to it: by its log, line by line.

A session (`doors.Session`) into which nothing goes, and which leaves the container as it is.
"""

from collections.abc import AsyncIterator

from . import logs
from .container import Container


class Attached:
    """To the run that goes on; of the runs after it nothing is told."""

    def __init__(self, container: Container) -> None:
        self._container, self._run, self._attempt = container, container.shown, container.attempt
        self._folder = container.run_folder(self._run) / "log"
        self._start = logs.Files(self._folder).tail(0)

    def _over(self) -> bool:
        return self._container.number != self._run or self._attempt is None or self._attempt.exited

    def output(self, *, error: bool) -> AsyncIterator[bytes]:
        """Until the run is over. Raises FellBehind."""
        return logs.said(self._folder, b"stderr" if error else b"stdout", self._start, self._over)

    async def ended(self) -> int:
        """How the run ended is not the client's: it was shown all of it."""
        return 0

    async def write(self, data: bytes) -> None:
        """Nobody reads it."""

    def close_input(self) -> None:
        """There is none."""

    def resize(self, columns: int, rows: int) -> None:
        """There is no terminal."""

    def kill(self) -> None:
        """It goes on without the client."""
