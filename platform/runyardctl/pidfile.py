"""Remembers which process a child is, so that the next start ends what a crash left, and nothing else.

A process is known by its pid and start time: a pid alone may belong to a stranger by then.
"""

import signal
from pathlib import Path

import psutil

from runyardctl.process import end_leftover, is_gone


def remember(file: Path, pid: int, stop: signal.Signals) -> None:
    """Write down the child; one that is gone already leaves no file."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    file.write_text(f"{pid} {started} {int(stop)}")


def end_leftovers(folder: Path, grace_seconds: float) -> list[str]:
    """End every process remembered in `folder` that still runs; returns their names once they are gone."""
    ended = []
    for file in sorted(folder.glob("*.pid")):
        if found := _alive(file):
            process, stop = found
            end_leftover(process, stop, grace_seconds)
            ended.append(file.stem)
        file.unlink()
    return ended


def _alive(file: Path) -> tuple[psutil.Process, signal.Signals] | None:
    try:
        pid, started, stop = file.read_text().split()
        process = psutil.Process(int(pid))
        same = process.create_time() == float(started) and not is_gone(process)
        return (process, signal.Signals(int(stop))) if same else None
    except (ValueError, OSError, psutil.Error):
        return None
