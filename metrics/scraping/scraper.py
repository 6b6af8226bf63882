"""One look at all nodes of a cluster: fetched, parsed, staged; what came of it, and the figures of now.

A scraper remembers its cluster from look to look; a process has one for each (`scraper_of`).
"""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from metrics.figures import Figure, PodsNow, pods_now
from metrics.scraping.endpoints import CADVISOR, GPUS, NAMES, SPARE_NAMES, Exporters, endpoints_of
from metrics.scraping.fetching import Answer, Endpoint, fetch_all
from metrics.scraping.layout import Slot
from metrics.scraping.memory import Memory
from metrics.scraping.text import Fresh, NotMetrics, Page, parse
from metrics.scraping.troubles import down, troubles
from metrics.series import Scope
from metrics.store.catalogue import numbers_of
from metrics.store.staging import stage
from runyard.clusters.connection import connect
from runyard.clusters.models import Cluster, Node

Told = dict[tuple[str, str], str]


@dataclass(slots=True)
class Look:
    """What came of it: `told` by source and node, no words for what is well; `figures` as of `at`."""

    at: datetime
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

    def look(self, now: Callable[[], datetime], seconds: float) -> Look:
        """By the clock `now`, within `seconds`. Raises ClusterError when there is no way to the cluster."""
        connection = connect(self.cluster)
        self._exporters.look(connection)
        nodes = Node.objects.filter(cluster=self.cluster).order_by("name")
        endpoints, at = list(endpoints_of(nodes, self._exporters)), now()
        return self.take(list(fetch_all(connection, endpoints, seconds)), at)

    def take(self, answers: Collection[Answer], at: datetime) -> Look:
        """Parse and stage `answers`, got at `at`."""
        pods, told = self._pods_now(), _told(answers)
        bare = {a.endpoint.node for a in answers if a.why and a.endpoint.path.endswith(CADVISOR)}
        sheets = [sheet for answer in answers if (sheet := self._sheet(answer, bare, pods, told))]
        numbers = numbers_of(self.cluster.pk, {slot.key for sheet in sheets for _, slot in sheet.fresh})
        now, brought, figures = int(at.timestamp() * 10), [], []
        for sheet in sheets:
            sheet.memory.learn(sheet.fresh, numbers, sheet.page)
            samples, shown = sheet.memory.brought(sheet.endpoint.node, sheet.page, now)
            brought.append(samples)
            figures += shown
        self._forget(sheets, answers)
        return Look(at, told, figures, stage(self.cluster.pk, at, brought))

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

    def _forget(self, sheets: list[Sheet], answers: Collection[Answer]) -> None:
        """What is not there any more. An endpoint that failed once keeps what is known of it."""
        for sheet in sheets:
            sheet.memory.keep_only(sheet.page)
        asked = {answer.endpoint.path for answer in answers}
        self._memories = {path: memory for path, memory in self._memories.items() if path in asked}


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


_scrapers: dict[int, Scraper] = {}
_lock = threading.Lock()


def scraper_of(cluster: Cluster) -> Scraper:
    """The one of this process."""
    with _lock:
        found = _scrapers.get(cluster.pk)
        if found is None or found.cluster.kubeconfig != cluster.kubeconfig:
            found = _scrapers[cluster.pk] = Scraper(cluster)
        return found
