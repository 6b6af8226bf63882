"""One look at all nodes of a cluster: fetched, parsed, staged; what came of it, and the figures of now.

A scraper remembers its cluster from look to look; a process has one for each (`scraper_of`).
"""

import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from metrics.figures import Figure, PodsNow, pods_now
from metrics.scraping.endpoints import CADVISOR, GPUS, NAMES, SPARE_NAMES, Exporters, endpoints_of
from metrics.scraping.fetching import Answer, Endpoint, fetch_all
from metrics.scraping.memory import Memory, Slot
from metrics.scraping.text import Fresh, NotMetrics, Page, parse
from metrics.scraping.troubles import down, troubles
from metrics.series import Scope
from metrics.store.catalogue import numbers_of
from metrics.store.staging import Brought, stage
from runyard.clusters.connection import connect
from runyard.clusters.models import Cluster, Node

#: What the latest use is made of.
LATEST = frozenset({"gpu_compute", "gpu_memory", "gpu_memory_free", "gpu_memory_reserved", "cpu", "memory"})
#: A rate over more tenths of a second than this is none of now.
LONGEST_RATE = 1_200
#: Samples this many tenths before or after their scrape are of another clock.
OTHER_CLOCK = 36_000
Told = dict[tuple[str, str], str]


@dataclass(slots=True)
class Look:
    """What came of it: `told` by source and node, no words for what is well; `figures` of now."""

    told: Told = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    samples: int = 0


@dataclass(slots=True)
class Sheet:
    """The lines of one answer; `fresh` are those that were not known, and what they are."""

    endpoint: Endpoint
    memory: Memory
    page: Page
    fresh: list[tuple[Fresh, Slot]]


class Scraper:
    """Of one cluster. One look at a time."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.lock = threading.Lock()
        self._memories: dict[str, Memory] = {}
        self._exporters = Exporters()
        self._pods: PodsNow = {}
        self._before: dict[int, tuple[int, float, float | None]] = {}

    def look(self, at: datetime, seconds: float) -> Look:
        """Now, within `seconds`. Raises ClusterError when there is no way to the cluster at all."""
        connection = connect(self.cluster)
        self._exporters.look(connection)
        nodes = Node.objects.filter(cluster=self.cluster).order_by("name")
        endpoints = list(endpoints_of(nodes, self._exporters))
        return self.take(list(fetch_all(connection, endpoints, seconds)), at)

    def take(self, answers: Collection[Answer], at: datetime) -> Look:
        """Parse and stage `answers`, got at `at`."""
        pods, told = self._pods_now(), _told(answers)
        bare = {a.endpoint.node for a in answers if a.why and a.endpoint.path.endswith(CADVISOR)}
        sheets = [sheet for answer in answers if (sheet := self._sheet(answer, bare, pods, told))]
        numbers = numbers_of(self.cluster.pk, {slot.key for sheet in sheets for _, slot in sheet.fresh})
        for sheet in sheets:
            sheet.memory.learn(sheet.fresh, numbers, sheet.page)
        brought = {sheet.endpoint.path: _brought(sheet, at) for sheet in sheets}
        figures = [f for sheet in sheets for f in self._figures(sheet.memory, brought[sheet.endpoint.path])]
        self._forget(sheets, answers)
        return Look(told, figures, stage(self.cluster.pk, at, _by_node(brought.values())))

    def _pods_now(self) -> PodsNow:
        """What was known of pods that are others now (gone, come, another of the same name) is forgotten."""
        pods = pods_now(self.cluster.pk)
        others = {name for name, _ in pods.items() ^ self._pods.items()}
        self._pods = pods
        for memory in self._memories.values() if others else ():
            memory.forget(others)
        return pods

    def _sheet(self, answer: Answer, bare: set[str], pods: PodsNow, told: Told) -> Sheet | None:
        """None for an answer without figures, which is told; so is what an exporter says is wrong."""
        endpoint = answer.endpoint
        if answer.why:
            return None
        memory = self._memories.setdefault(endpoint.path, Memory())
        try:
            page = parse(answer.body, _names(endpoint, endpoint.node in bare), memory.known)
        except NotMetrics as problem:
            told[endpoint.source, endpoint.node] = str(problem)
            return None
        if endpoint.source == GPUS:
            said = troubles(down(answer.body))
            told |= {(source, endpoint.node): why for source, why in said.items()}
        slots = ((line, memory.slot(line, endpoint.node, pods)) for line in page.fresh)
        return Sheet(endpoint, memory, page, [(line, slot) for line, slot in slots if slot])

    def _figures(self, memory: Memory, brought: Brought) -> Iterator[Figure]:
        """Of a counter, its rate since the look before."""
        for number, time, value in zip(brought.series, brought.times, brought.values, strict=True):
            slot = memory.slots[number]
            if slot.metric.key not in LATEST:
                continue
            if slot.metric.counter:
                rate = self._rate(number, time, value)
                if rate is None:
                    continue
                value = rate
            yield Figure(slot.metric.key, slot.labels, value, slot.model)

    def _rate(self, number: int, time: int, value: float) -> float | None:
        """A second, since the look before; the same again while the kubelet has not looked anew."""
        then, was, rate = self._before.get(number, (time, value, None))
        if then != time:
            near = 0 < time - then <= LONGEST_RATE
            rate = (value - was if value >= was else value) / (time - then) * 10 if near else None
        self._before[number] = time, value, rate
        return rate

    def _forget(self, sheets: list[Sheet], answers: Collection[Answer]) -> None:
        """What is not there any more. An endpoint that failed once keeps what is known of it."""
        for sheet in sheets:
            sheet.memory.keep_only(sheet.page)
        asked = {answer.endpoint.path for answer in answers}
        self._memories = {path: memory for path, memory in self._memories.items() if path in asked}
        there = {number for memory in self._memories.values() for number in memory.slots}
        self._before = {number: sample for number, sample in self._before.items() if number in there}


def _names(endpoint: Endpoint, bare: bool) -> tuple[str, ...]:
    """Which figures to take from it; `bare`: the node shows no cAdvisor."""
    if endpoint.source == GPUS:
        return NAMES[Scope.GPU]
    if endpoint.path.endswith(CADVISOR):
        return NAMES[Scope.POD]
    return NAMES[Scope.NODE] + (SPARE_NAMES if bare else ())


def _told(answers: Iterable[Answer]) -> Told:
    """How each source of each node did: one answer of a kubelet is enough."""
    told: Told = {}
    for answer in answers:
        key = answer.endpoint.source, answer.endpoint.node
        told[key] = told.get(key, answer.why) and answer.why
    return told


def _brought(sheet: Sheet, at: datetime) -> Brought:
    """In our units; what has several lines, such as one for each disk, summed."""
    now, slots, page = int(at.timestamp() * 10), sheet.memory.slots, sheet.page
    times = [time if abs(time - now) < OTHER_CLOCK else now for time in page.times]
    values = [value * slots[number].factor for number, value in zip(page.series, page.values, strict=True)]
    if len(set(page.series)) == len(page.series):
        return Brought(sheet.endpoint.node, page.series, times, values)
    sums: dict[int, tuple[int, float]] = {}
    for number, time, value in zip(page.series, times, values, strict=True):
        sums[number] = time, sums.get(number, (0, 0.0))[1] + value
    both = sums.values()
    return Brought(sheet.endpoint.node, list(sums), [time for time, _ in both], [value for _, value in both])


def _by_node(brought: Iterable[Brought]) -> list[Brought]:
    rows: dict[str, Brought] = {}
    for one in brought:
        row = rows.setdefault(one.node, Brought(one.node, [], [], []))
        row.series.extend(one.series)
        row.times.extend(one.times)
        row.values.extend(one.values)
    return list(rows.values())


_scrapers: dict[int, Scraper] = {}
_lock = threading.Lock()


def scraper_of(cluster: Cluster) -> Scraper:
    """The one of this process."""
    with _lock:
        found = _scrapers.get(cluster.pk)
        if found is None or found.cluster.kubeconfig != cluster.kubeconfig:
            found = _scrapers[cluster.pk] = Scraper(cluster)
        return found
