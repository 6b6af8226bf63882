"""Remembers that a slow step of the start was done for exactly these files, so that the next start skips it.

The stamp lies inside what the step has made: whoever removes that removes the stamp with it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path


class Stamp:
    """`file` holds the fingerprint of the files `sources` as of the last time the step was done."""

    def __init__(self, file: Path, sources: Iterable[Path]) -> None:
        self.file = file
        self.fingerprint = _fingerprint(sources)

    def holds(self) -> bool:
        """Whether the step was done for the sources as they are."""
        return self.file.exists() and self.file.read_text() == self.fingerprint

    def set(self) -> None:
        self.file.write_text(self.fingerprint)


def _fingerprint(sources: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(sources):
        total.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
