"""CPU and memory of whole process trees. Used by the node only."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Usage:
    """What one container used: cores as millicores over the last interval, memory shared out by its users."""

    container: str
    cpu_millicores: int
    memory_bytes: int
    taken_at: float


def trees(roots: Iterable[int]) -> dict[int, list[psutil.Process]]:
    """Every living process below each of `roots`, the roots left out: they are shims."""
    if Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        return {root: _below(root) for root in roots}
    return _from_all_processes(roots)


def _below(root: int) -> list[psutil.Process]:
    """By the kernel's own lists of children, which costs a few reads for each process of the tree."""
    pids = _children(root)
    for pid in pids:
        pids += _children(pid)
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def _children(pid: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in lists for child in text.split()]


def _from_all_processes(roots: Iterable[int]) -> dict[int, list[psutil.Process]]:
    """For kernels without such lists: one look at every process."""
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process)
    found = {}
    for root in roots:
        tree = list(children.get(root, []))
        for process in tree:
            tree += children.get(process.pid, [])
        found[root] = tree
    return found


def memory_bytes(tree: list[psutil.Process], limit: int | None = None) -> int:
    """Bytes in use, shared pages counted once; up to `limit` the cheap upper bound will do."""
    if limit is not None:
        bound = sum(_read(process, lambda one: one.memory_info().rss) for process in tree)
        if bound <= limit:
            return int(bound)
    return int(sum(_read(process, lambda one: one.memory_full_info().pss) for process in tree))


def _read(process: psutil.Process, what: Callable[[psutil.Process], float]) -> float:
    try:
        return what(process)
    except psutil.Error:
        return 0


class Meter:
    """Turns CPU seconds, which only rise, into millicores between two looks at one tree."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, float], float] = {}
        self._at = time.monotonic()

    def millicores(self, tree: list[psutil.Process]) -> int:
        """Since the last call; a process first seen now counts what it has used so far."""
        seen = {(one.pid, one.create_time()): _read(one, _cpu_seconds) for one in tree}
        used = sum(max(0.0, seconds - self._seen.get(key, 0.0)) for key, seconds in seen.items())
        now = time.monotonic()
        elapsed, self._seen, self._at = max(now - self._at, 1e-3), seen, now
        return round(1000 * used / elapsed)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
