"""The own store as a source: figures that Runyard scraped itself."""

from collections import defaultdict
from dataclasses import replace

from metrics.health_words import states_of
from metrics.question import Question
from metrics.scraping.endpoints import GPUS, KUBELET
from metrics.series import METRICS, Labels, Scope, Series, summed
from metrics.sources.source import SourceState
from metrics.store import ranges
from metrics.store.catalogue import Key, series_of_pods
from runyard.clusters.models import Cluster


class Stored:
    """The source of one cluster."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster

    def read(self, question: Question) -> list[Series]:
        """A series for each pod, its containers summed, and for each GPU."""
        known = series_of_pods(
            self._cluster, [pod.uid for pod in question.pods], [metric.key for metric in question.metrics]
        )
        if question.gpus is not None:
            known = {n: key for n, key in known.items() if key[1].gpu_uuid in {*question.gpus, ""}}
        if not known:
            return []
        metrics = {number: METRICS[metric] for number, (metric, _) in known.items()}
        nodes = {labels.node for _, labels in known.values()}
        values = ranges.read(self._cluster.pk, metrics, nodes, question.grid)
        times = question.grid.times
        found: dict[Key, list[Series]] = defaultdict(list)
        for number, its in values.items():
            metric, labels = known[number][0], _whole_pod(known[number][1])
            found[metric, labels].append(Series(metric, labels, times, its))
        return [one[0] if len(one) == 1 else summed(one, labels) for (_, labels), one in found.items()]

    def states(self, question: Question) -> list[SourceState]:
        nodes = {pod.node for pod in question.pods}
        return states_of(self._cluster, [KUBELET, GPUS], tuple(Scope), nodes)


def _whole_pod(labels: Labels) -> Labels:
    """The labels of what it is part of. A GPU belongs to one container; that is left as it is."""
    return labels if labels.gpu_uuid else replace(labels, container="")
