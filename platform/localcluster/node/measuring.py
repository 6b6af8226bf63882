"""Measures every running container and the machine: one pass over /proc, shared by all who ask for it soon.

Counters come from the kernel's own books, where a parent is given what its dead children used; above each
tree stands its shim, which collects whoever is orphaned. Nothing is lost between two looks or to a restarted
server. When a look falls between a death and its booking, a counter stands still rather than goes back.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace

import psutil

from . import usage

FRESH_SECONDS = 2.0  # whoever asks again within this gets the same look
SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS = 1.0, 60.0  # that a rate is taken over


@dataclass(frozen=True)
class Subject:
    """A run of a container to be measured; `started_at` in seconds since the epoch, the limit 0 for none."""

    namespace: str
    pod: str
    uid: str
    container: str
    image: str
    number: int
    shim: int
    started_at: float
    memory_limit_bytes: int

    @property
    def run(self) -> tuple[str, str, int]:
        return self.uid, self.container, self.number


@dataclass(frozen=True)
class Counters:
    """What a run used since it began; disk is None where the kernel does not say."""

    cpu_seconds: float = 0.0
    read_bytes: int | None = None
    written_bytes: int | None = None

    def at_least(self, before: "Counters") -> "Counters":
        return Counters(
            max(self.cpu_seconds, before.cpu_seconds),
            _later(self.read_bytes, before.read_bytes),
            _later(self.written_bytes, before.written_bytes),
        )


def _later(now: int | None, before: int | None) -> int | None:
    return now if before is None else max(now or 0, before)


@dataclass(frozen=True)
class Figures:
    """One run at one moment."""

    subject: Subject
    counters: Counters
    working_set_bytes: int
    anonymous_bytes: int
    processes: int
    threads: int


@dataclass(frozen=True)
class Machine:
    """The whole machine at one moment; network as (interface, received, sent) bytes."""

    cores: int
    memory_bytes: int
    cpu_seconds: float
    used_bytes: int
    booted_at: float
    network: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Look:
    """Everything at one moment, seconds since the epoch."""

    at: float
    machine: Machine
    containers: list[Figures] = field(default_factory=list)


@dataclass(frozen=True)
class Interval:
    """Two looks, from which rates are taken."""

    first: Look
    last: Look

    def millicores(self, figures: Figures) -> tuple[int, float]:
        """Of one container of the last look, with the seconds that they are the mean of: its age if less."""
        before = {one.subject.run: one.counters.cpu_seconds for one in self.first.containers}
        run = figures.subject.run
        since = self.first.at if run in before else figures.subject.started_at
        return _millicores(figures.counters.cpu_seconds - before.get(run, 0.0), self.last.at - since)

    def machine_millicores(self) -> tuple[int, float]:
        used = self.last.machine.cpu_seconds - self.first.machine.cpu_seconds
        return _millicores(used, self.last.at - self.first.at)


def _millicores(cpu_seconds: float, seconds: float) -> tuple[int, float]:
    seconds = max(seconds, 0.001)
    return round(1000 * max(cpu_seconds, 0.0) / seconds), seconds


class Meter:
    """Keeps the last two looks. To be called on the event loop; the reading itself is done beside it."""

    def __init__(self) -> None:
        self._looks: list[Look] = []
        self._memories = usage.Memories()
        self._turn = asyncio.Lock()

    async def look(self, subjects: list[Subject]) -> Look:
        """The latest look at `subjects`, at most two seconds old."""
        async with self._turn:
            if not self._looks or time.time() - self._looks[-1].at > FRESH_SECONDS:
                await self._take(subjects)
            return self._looks[-1]

    async def interval(self, subjects: list[Subject]) -> Interval:
        """Up to the latest look; where nobody has looked of late, takes a second to look twice."""
        await self.look(subjects)
        async with self._turn:
            if len(self._looks) < 2 or self._looks[1].at - self._looks[0].at > LONGEST_INTERVAL_SECONDS:
                await asyncio.sleep(SHORTEST_INTERVAL_SECONDS)
                await self._take(subjects)
            return Interval(*self._looks)

    async def _take(self, subjects: list[Subject]) -> None:
        """Holds counters to what was told before."""
        taken = await asyncio.to_thread(take, subjects, self._memories)
        before = {one.subject.run: one.counters for one in self._looks[-1].containers} if self._looks else {}
        held = [
            replace(one, counters=one.counters.at_least(before.get(one.subject.run, Counters())))
            for one in taken.containers
        ]
        self._looks = [*self._looks[-1:], replace(taken, containers=held)]


def take(subjects: list[Subject], memories: usage.Memories) -> Look:
    """Reads /proc now; takes milliseconds."""
    trees = usage.trees_in_one_pass([one.shim for one in subjects]) if subjects else {}
    living = {shim: _living([shim, *tree]) for shim, tree in trees.items()}
    memories.forget_all_but({(pid, one.started) for tree in living.values() for pid, one in tree.items()})
    figures = [_figures(one, living[one.shim], memories) for one in subjects if one.shim in living[one.shim]]
    return Look(time.time(), machine(), figures)


def _living(tree: list[int]) -> dict[int, usage.Spent]:
    """Top down, so that a child that dies meanwhile is missed for once rather than counted twice."""
    return {pid: found for pid in tree if (found := usage.spent(pid))}


def _figures(subject: Subject, living: dict[int, usage.Spent], memories: usage.Memories) -> Figures:
    """Of what is below the shim; what has died there is in the shim's own books, and in its parents'."""
    disk = [moved for pid in living if (moved := usage.disk(pid))]
    read, written = (sum(part) for part in zip(*disk, strict=True)) if disk else (None, None)
    below = {pid: one for pid, one in living.items() if pid != subject.shim}
    cpu = living[subject.shim].children_cpu_seconds
    cpu += sum(one.own_cpu_seconds + one.children_cpu_seconds for one in below.values())
    memory = [memories.of(pid, one.started) for pid, one in below.items()]
    return Figures(
        subject,
        Counters(cpu, read, written),
        sum(one.shared_out for one in memory),
        sum(one.anonymous for one in memory),
        len(below),
        sum(one.threads for one in below.values()),
    )


def machine() -> Machine:
    times, memory = psutil.cpu_times(), psutil.virtual_memory()
    busy = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
    network = psutil.net_io_counters(pernic=True)
    rows = ((name, one.bytes_recv, one.bytes_sent) for name, one in network.items() if name != "lo")
    used = memory.total - memory.available
    cores = psutil.cpu_count() or 1
    return Machine(cores, memory.total, busy, used, psutil.boot_time(), tuple(rows))
