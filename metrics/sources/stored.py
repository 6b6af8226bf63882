"""The own store as a source: figures that Runyard scraped itself."""

from collections import defaultdict

from metrics.health_words import states_of
from metrics.models import StoredSeries
from metrics.question import Question
from metrics.scraping.endpoints import GPUS, KUBELET
from metrics.series import METRICS, Labels, Scope, Series, summed
from metrics.sources.source import SourceState
from metrics.store import ranges
from runyard.clusters.models import Cluster


class Stored:
    """The source of one cluster."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster

    def read(self, question: Question) -> list[Series]:
        """A series for each pod, its containers summed, and for each GPU."""
        rows = StoredSeries.objects.filter(
            cluster=self._cluster,
            pod_uid__in=[pod.uid for pod in question.pods],
            metric__in=[metric.key for metric in question.metrics],
        )
        if question.gpus is not None:
            rows = rows.filter(gpu_uuid__in=[*question.gpus, ""])
        known = {row.pk: row for row in rows}
        if not known:
            return []
        metrics = {pk: METRICS[row.metric] for pk, row in known.items()}
        nodes = {row.node for row in known.values()}
        values = ranges.read(self._cluster.pk, metrics, nodes, question.grid)
        times = question.grid.times
        found: dict[tuple[str, Labels], list[Series]] = defaultdict(list)
        for pk, its in values.items():
            labels = _whole_pod(known[pk], self._cluster.name)
            found[known[pk].metric, labels].append(Series(known[pk].metric, labels, times, its))
        return [one[0] if len(one) == 1 else summed(one, labels) for (_, labels), one in found.items()]

    def states(self, question: Question) -> list[SourceState]:
        nodes = {pod.node for pod in question.pods}
        return states_of(self._cluster, [KUBELET, GPUS], tuple(Scope), nodes)


def _whole_pod(row: StoredSeries, cluster: str) -> Labels:
    """The labels of what it is part of. A GPU belongs to one container; that is left as it is."""
    labels = row.labels(cluster)
    if row.gpu_uuid:
        return labels
    return Labels(cluster, labels.namespace, labels.pod, labels.pod_uid, node=labels.node)
