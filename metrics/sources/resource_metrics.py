"""The last resort: metrics.k8s.io, which tells CPU and memory of pods as they are now, and no history."""

import time
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np

from metrics.figures import Figure
from metrics.health_words import states_of
from metrics.question import Question
from metrics.series import Labels, Scope, Series
from metrics.sources.source import SourceError, SourceState
from runyard.clusters.connection import ApiError, ClusterError, connect
from runyard.clusters.models import Cluster
from runyard.clusters.quantities import parse

NAME = "metrics.k8s.io"
PATH = "/apis/metrics.k8s.io/v1beta1"
READ_SECONDS = 5.0
#: It is asked only for charts that end about now.
NOW_SECONDS = 120


class _Meta(msgspec.Struct):
    name: str
    namespace: str = ""


class _Container(msgspec.Struct):
    usage: dict[str, str] = {}


class _Pod(msgspec.Struct):
    metadata: _Meta
    containers: list[_Container] = []


class _Pods(msgspec.Struct):
    items: list[_Pod] = []


class ResourceMetrics:
    """The source of one cluster."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster

    def read(self, question: Question) -> list[Series]:
        """One value, at the end of a grid that ends now."""
        if time.time() - question.grid.end > NOW_SECONDS + question.grid.step:
            return []
        asked = {metric.key for metric in question.metrics} & {"cpu", "memory"}
        pods = {(pod.namespace, pod.name): pod for pod in question.pods if asked and pod.until is None}
        series = []
        for figure in [
            f for one in {namespace for namespace, _ in pods} for f in _figures(self._cluster, one)
        ]:
            pod = pods.get((figure.labels.namespace, figure.labels.pod))
            if pod and figure.metric in asked:
                values = np.full(question.grid.count, np.nan)
                values[-1] = figure.value
                labels = replace(figure.labels, cluster=self._cluster.name, pod_uid=pod.uid, node=pod.node)
                series.append(Series(figure.metric, labels, question.grid.times, values))
        return series

    def states(self, question: Question) -> list[SourceState]:
        return states_of(self._cluster, [NAME], (Scope.POD,), {""})


def now(cluster: Cluster) -> tuple[list[Figure], str]:
    """CPU and memory of every pod; or none, and why."""
    try:
        return _figures(cluster, ""), ""
    except SourceError as error:
        return [], str(error)


def _figures(cluster: Cluster, namespace: str) -> list[Figure]:
    where = f"namespaces/{namespace}/pods" if namespace else "pods"
    try:
        body = connect(cluster).read("GET", f"{PATH}/{where}", read_seconds=READ_SECONDS)
        pods = msgspec.json.decode(body, type=_Pods).items
    except ApiError as error:
        if error.code == 404:
            raise SourceError("the cluster has no metrics-server", "Install metrics-server.") from error
        raise SourceError(str(error)) from error
    except (ClusterError, msgspec.MsgspecError) as error:
        raise SourceError(f"it cannot be read: {error}") from error
    return [figure for pod in pods for figure in _of(pod)]


def _of(pod: _Pod) -> list[Figure]:
    labels = Labels(namespace=pod.metadata.namespace, pod=pod.metadata.name)
    try:
        sums = {
            resource: sum(
                (parse(c.usage[resource]) for c in pod.containers if resource in c.usage), Decimal()
            )
            for resource in ("cpu", "memory")
            if any(resource in container.usage for container in pod.containers)
        }
    except ValueError:
        return []
    return [Figure(resource, labels, float(amount)) for resource, amount in sums.items()]
