"""Prometheus as a source: ranges for charts and figures of now, in few queries, cached by their grid.

`server_of` says whether a cluster has one: its row, else the settings, else the service that is found there.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.utils import timezone

from metrics import promql
from metrics.figures import Figure
from metrics.health_words import states_of
from metrics.labels import ours
from metrics.models import PrometheusServer
from metrics.question import Grid, PodTime, Question
from metrics.scraping.troubles import TROUBLES, UPS, troubles
from metrics.series import METRICS, Labels, Scope, Series, Values
from metrics.sources import finding
from metrics.sources.asking import Client, Direct, Found, number
from metrics.sources.source import SourceError, SourceState
from runyard.clusters.models import Cluster

NAME = "Prometheus"
LATEST = ("gpu_compute", "gpu_memory", "gpu_memory_free", "gpu_memory_reserved", "cpu", "memory")
#: What is over does not change; what goes on is asked anew at each step.
OVER_SECONDS, MOST_CACHED = 3600.0, 128
_Place = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Server:
    """One Prometheus. `matchers` tells the series of this cluster from others, such as cluster="a"."""

    client: Client
    matchers: str = ""

    def range(self, query: str, grid: Grid) -> list[Found]:
        """Nothing of a step that goes on, whose rates would be too low. Raises SourceError."""
        end = min(grid.end, int(time.time()))
        if end < grid.start:
            return []
        parameters = {"query": query, "start": grid.start, "end": end, "step": grid.step}
        return self.client.ask("/api/v1/query_range", parameters, "matrix")

    def now(self) -> list[Figure]:
        """The figures of the whole cluster that the latest use is made of. Raises SourceError."""
        figures: dict[_Place, Figure] = {}
        for key in LATEST:
            metric = METRICS[key]
            for one in self.client.ask(
                "/api/v1/query", {"query": promql.now(metric, self.matchers)}, "vector"
            ):
                labels = ours(metric, one.metric, whole=True)
                value = number(one.value[1])
                if labels is not None and np.isfinite(value):
                    model = one.metric.get("modelName", "")
                    figures.setdefault((key, labels), Figure(key, labels, value, model))
        return list(figures.values())

    def troubles(self) -> dict[tuple[str, str], str]:
        """What GPU exporters say is wrong, by what and node. Raises SourceError."""
        by_node: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
        for one in self.client.ask("/api/v1/query", {"query": promql.down(UPS, self.matchers)}, "vector"):
            if (name := one.metric.get("__name__")) in UPS:
                by_node[one.metric.get("Hostname", "")].append((name, one.metric))
        return {
            (source, node): why for node, found in by_node.items() for source, why in troubles(found).items()
        }


class Prometheus:
    """The source of one cluster."""

    def __init__(self, cluster: Cluster, server: Server):
        self._cluster, self._server = cluster, server
        self._failed = ""
        self._advice = ""

    def read(self, question: Question) -> list[Series]:
        """All metrics of some pods in one query. Raises SourceError."""
        try:
            found = [one for query in self._queries(question) for one in self._asked(query, question.grid)]
            return list(self._series(question, found))
        except SourceError as error:
            self._failed, self._advice = str(error), error.advice
            raise

    def states(self, question: Question) -> list[SourceState]:
        """What `read` met counts more than what the last look did."""
        if self._failed:
            return [SourceState(NAME, False, timezone.now(), self._failed, None, self._advice)]
        nodes = {pod.node for pod in question.pods}
        known = states_of(self._cluster, [NAME, *TROUBLES], tuple(Scope), nodes)
        return known if any(state.name == NAME for state in known) else [SourceState(NAME, True), *known]

    def _queries(self, question: Question) -> Iterator[str]:
        for pods in promql.batches(question.pods):
            yield promql.over_range(question.metrics, pods, question.grid.step, self._server.matchers)

    def _asked(self, query: str, grid: Grid) -> list[Found]:
        age = time.time() - grid.end
        lasts = OVER_SECONDS if age > max(2 * grid.step, 300) else settings.METRICS_SECONDS
        return _cached(self._server, query, grid, int(time.time() // lasts))

    def _series(self, question: Question, found: Iterable[Found]) -> Iterator[Series]:
        pods: dict[tuple[str, str], list[PodTime]] = defaultdict(list)
        for pod in question.pods:
            pods[pod.namespace, pod.name].append(pod)
        values: dict[_Place, Values] = {}
        for one in found:  # the first name of a metric comes first
            metric = METRICS.get(one.metric.get(promql.TAG, ""))
            if metric is None:
                continue  # nobody asked for it
            labels = ours(metric, one.metric, whole=True)
            if labels is None or (question.gpus is not None and labels.gpu_uuid not in {*question.gpus, ""}):
                continue
            for pod in pods.get((labels.namespace, labels.pod), ()):
                mine = replace(
                    labels, cluster=self._cluster.name, pod_uid=pod.uid, node=labels.node or pod.node
                )
                place = metric.key, mine
                placed = _placed(one, question.grid)
                before = values.get(place)
                values[place] = placed if before is None else np.where(np.isnan(before), placed, before)
        for (key, labels), its in values.items():
            yield Series(key, labels, question.grid.times, its)


def _placed(one: Found, grid: Grid) -> Values:
    """On the grid: of two values at the same time the last; what is no number is a gap."""
    values = np.full(grid.count, np.nan)
    for at, text in one.values:
        place = round((at - grid.start) / grid.step)
        if 0 <= place < grid.count:
            value = number(text)
            values[place] = value if np.isfinite(value) else np.nan
    return values


@lru_cache(maxsize=MOST_CACHED)
def _cached(server: Server, query: str, grid: Grid, _: int) -> list[Found]:
    """The last argument is another one when it is time to ask again."""
    return server.range(query, grid)


def server_of(cluster: Cluster) -> Server | None:
    """The Prometheus of `cluster`; None where there is none, or none is wanted."""
    row = PrometheusServer.objects.filter(cluster=cluster).first()
    if row is None:
        return _by_settings() or _found(cluster)
    if not row.url:
        return None
    headers = tuple(sorted(row.headers.items()))
    return Server(Direct(row.url.rstrip("/"), row.token_file, row.ca_file, headers), row.matchers)


def _by_settings() -> Server | None:
    url = settings.PROMETHEUS_URL.rstrip("/")
    files = settings.PROMETHEUS_TOKEN_FILE, settings.PROMETHEUS_CA_FILE
    return Server(Direct(url, *files), settings.PROMETHEUS_MATCHERS) if url else None


def _found(cluster: Cluster) -> Server | None:
    client = finding.found(cluster)
    return Server(client) if client else None
