"""The own store as a source: figures that Runyard scraped itself."""

from collections import defaultdict
from dataclasses import replace

from metrics.health_words import states_of
from metrics.question import Question
from metrics.scraping.endpoints import GPUS, KUBELET
from metrics.scraping.troubles import TROUBLES
from metrics.series import Labels, Scope, Series, summed
from metrics.sources.source import SourceState
from metrics.store import ranges
from metrics.store.catalogue import Key
from runyard.clusters.models import Cluster


class Stored:
    """The source of one cluster."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster

    def read(self, question: Question) -> list[Series]:
        """A series for each pod, its containers summed, and for each GPU."""
        uids, metrics = [pod.uid for pod in question.pods], [metric.key for metric in question.metrics]
        held = ranges.read(self._cluster, uids, metrics, question.grid)
        times = question.grid.times
        found: dict[Key, list[Series]] = defaultdict(list)
        for number, values in held.values.items():
            metric, labels = held.keys[number]
            if question.gpus is None or labels.gpu_uuid in {*question.gpus, ""}:
                whole = _whole_pod(labels)
                found[metric, whole].append(Series(metric, whole, times, values))
        return [one[0] if len(one) == 1 else summed(one, labels) for (_, labels), one in found.items()]

    def states(self, question: Question) -> list[SourceState]:
        nodes = {pod.node for pod in question.pods}
        return states_of(self._cluster, [KUBELET, GPUS, *TROUBLES], tuple(Scope), nodes)


def _whole_pod(labels: Labels) -> Labels:
    """The labels of what it is part of. A GPU belongs to one container; that is left as it is."""
    return labels if labels.gpu_uuid else replace(labels, container="")
