"""The log file of one child: bounded, and read along for the lines that a person should see."""

import re
from pathlib import Path
from typing import IO

LIMIT_BYTES = 5_000_000
TAIL_BYTES = 8_192


class Log:
    """`folder`/`name`.log, with one older file beside it, `name`.log.1."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.log"
        self._read_to = 0

    def open(self) -> IO[bytes]:
        """For a child to append to: it stays valid when the file is cut."""
        self.bound()
        return self.path.open("ab", buffering=0)

    def bound(self) -> None:
        """Once too long, keep what there is as the older file and begin again."""
        if self.path.exists() and self.path.stat().st_size > LIMIT_BYTES:
            self.path.with_suffix(".log.1").write_bytes(self.path.read_bytes())
            with self.path.open("r+b") as file:
                file.truncate()
            self._read_to = 0

    def skip(self) -> None:
        """Count everything so far as seen."""
        self._read_to = self.path.stat().st_size

    def news(self, pattern: re.Pattern[str]) -> list[str]:
        """The whole lines since the last call (or `skip`) in which `pattern` is found."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            fresh = file.read(LIMIT_BYTES)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read_to += len(whole)
        return [line for line in whole.decode(errors="replace").splitlines() if pattern.search(line)]

    def tail(self) -> str:
        """The last few kilobytes."""
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            return file.read().decode(errors="replace")
