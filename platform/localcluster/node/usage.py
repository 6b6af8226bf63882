"""What process trees use, read from /proc: who belongs to a tree, and its CPU, memory and disk. Node only."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
REST_FACTOR = 100  # a process's memory takes up to a hundredth of the time to look up


@dataclass(frozen=True)
class Spent:
    """What a process used, and apart from that its dead children, whom the kernel adds to it."""

    started: bytes  # in clock ticks since boot: with the pid it names one process
    own_cpu_seconds: float
    children_cpu_seconds: float
    threads: int
    rss_bytes: int


@dataclass(frozen=True)
class Memory:
    """Bytes of a process, pages that it shares with others counted in part; `anonymous` is not from files."""

    shared_out: int
    anonymous: int


def trees(roots: Iterable[int]) -> dict[int, list[int]]:
    """The pids below each of `roots`, the roots left out: they are shims. Cheap for few and small trees."""
    if Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        return {root: _below(root) for root in roots}
    return trees_in_one_pass(roots)


def _below(root: int) -> list[int]:
    """By the kernel's own lists of children, one for each thread; parents come before their children."""
    pids = _children(root)
    for pid in pids:
        pids += _children(pid)
    return pids


def _children(pid: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in lists for child in text.split()]


def trees_in_one_pass(roots: Iterable[int]) -> dict[int, list[int]]:
    """The same by one look at every process, which costs alike however large the trees are."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))):
            children.setdefault(int(fields[1]), []).append(int(name))
    found = {}
    for root in roots:
        tree = list(children.get(root, []))
        for pid in tree:
            tree += children.get(pid, [])
        found[root] = tree
    return found


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the name, the state first; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def spent(pid: int) -> Spent | None:
    """None when it is gone. One that is dead and not yet collected still tells what it used."""
    fields = _stat(pid)
    if not fields:
        return None
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    cpu = ((user + system) / TICKS, (children_user + children_system) / TICKS)
    return Spent(fields[19], *cpu, threads=int(fields[17]), rss_bytes=int(fields[21]) * PAGE)


def memory(pid: int) -> Memory:
    """From the kernel's sums over its mappings; where they may not be read, its resident set."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            lines = (line.split() for line in file)
            kib = {words[0]: int(words[1]) for words in lines if words[-1] == b"kB"}
    except OSError:
        found = spent(pid)
        return Memory(found.rss_bytes, found.rss_bytes) if found else Memory(0, 0)
    pss = kib.get(b"Pss:", 0) * 1024
    return Memory(pss, kib[b"Pss_Anon:"] * 1024 if b"Pss_Anon:" in kib else pss)


class Memories:
    """The memory of processes, looked up the more rarely the longer that takes.

    The kernel walks all that a process has mapped, which takes it long for one that holds much, and holds up
    that process meanwhile.
    """

    def __init__(self) -> None:
        self._read: dict[tuple[int, bytes], tuple[Memory, float]] = {}

    def of(self, pid: int, started: bytes) -> Memory:
        """Now, or as it was when it was last worth the while."""
        found, due = self._read.get((pid, started), (None, 0.0))
        began = time.monotonic()
        if found is None or began >= due:
            found = memory(pid)
            took = time.monotonic() - began
            self._read[pid, started] = (found, began + took * REST_FACTOR)
        return found

    def forget_all_but(self, living: set[tuple[int, bytes]]) -> None:
        self._read = {key: value for key, value in self._read.items() if key in living}


def memory_bytes(tree: list[int], limit: int) -> int:
    """Bytes in use, shared pages counted once; up to `limit` the cheap upper bound will do."""
    bound = sum(found.rss_bytes for pid in tree if (found := spent(pid)))
    return bound if bound <= limit else sum(memory(pid).shared_out for pid in tree)


def disk(pid: int) -> tuple[int, int] | None:
    """Bytes read from and written to storage by it and its dead children; None if not readable."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            values = dict(line.split(b": ") for line in file)
    except OSError:
        return None
    return int(values[b"read_bytes"]), int(values[b"write_bytes"])
