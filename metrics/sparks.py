"""What pods and workloads used in the last hour, small, for tables: one question a cluster for all rows."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from markupsafe import Markup

from metrics.question import Grid, metrics_named
from metrics.reading import figures_of
from metrics.series import METRICS, Series, mean, total
from metrics.sources.source import SourceState
from metrics.sparklines import Spark
from metrics.telling import named
from workloads import queries
from workloads.models import Pod, Workload

STEP, POINTS = 60, 60
#: What there is to draw, by the name that cells ask for it under.
WHAT = {"gpu": "gpu_compute", "cpu": "cpu"}
Drawn = dict[str, Markup]


def of_pods(user: Any, workload: Workload, ids: Iterable[int]) -> Drawn:
    """Of those of `workload` that have these ids: GPU use and CPU, by "gpu-17" and "cpu-17"."""
    pods = list(queries.visible_pods(user, workload).filter(pk__in=ids).select_related("cluster"))
    found, states = _read(pods, WHAT.values())
    of: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in found:
        of[one.metric, one.labels.pod_uid].append(one)
    drawn: Drawn = {}
    for pod in pods:
        for what, metric in WHAT.items():
            top = 100.0 if what == "gpu" else pod.cpu_millis / 1000
            drawn[f"{what}-{pod.pk}"] = _spark(metric, of[metric, pod.uid], states, top).html()
    return drawn


def of_workloads(user: Any, ids: Iterable[int]) -> Drawn:
    """Of these workloads, as far as `user` sees them, the GPU use of all their pods, by "gpu-17"; the figure
    of now is that which the table of workloads has.

    A workload without pods has a drawing too, which says so.
    """
    workloads = Workload.objects.visible_to(user).filter(pk__in=ids)
    now = dict(workloads.values_list("pk", "usage__gpu_compute"))
    of: dict[int, list[Series]] = {pk: [] for pk in now}
    rows = Pod.objects.visible_to(user).filter(workload__in=of, gone_at=None)
    by_cluster: dict[int, list[Pod]] = defaultdict(list)
    for pod in rows.select_related("cluster"):
        by_cluster[pod.cluster_id].append(pod)
    states: list[SourceState] = []
    for its in by_cluster.values():
        found, more = _read(its, [WHAT["gpu"]])
        states += more
        workload_of = {pod.uid: pod.workload_id for pod in its}
        for one in found:
            of[workload_of[one.labels.pod_uid] or 0].append(one)
    sparks = {pk: _spark(WHAT["gpu"], its, states, 100.0) for pk, its in of.items()}
    return {f"gpu-{pk}": replace(spark, now=_percent(now[pk])).html() for pk, spark in sparks.items()}


def _percent(compute: float | None) -> str:
    """As the table of workloads has it."""
    return "" if compute is None else f"{round(compute)} %"


def _read(pods: Sequence[Pod], metrics: Iterable[str]) -> tuple[list[Series], list[SourceState]]:
    if not pods:
        return [], []
    end = int(time.time()) // STEP * STEP
    grid = Grid(end - (POINTS - 1) * STEP, STEP, POINTS)
    _, found, states = figures_of(pods, metrics_named(list(metrics)), grid)
    return found, states


def _spark(metric: str, found: Sequence[Series], states: Sequence[SourceState], top: float) -> Spark:
    """Of several GPUs the mean, of anything else the sum."""
    of = METRICS[metric]
    values = (mean if metric == WHAT["gpu"] else total)(found)
    values = np.full(POINTS, np.nan) if values is None else values
    return Spark(
        "GPU use" if metric == WHAT["gpu"] else of.label, of.unit, values, top, named(states, of.scope)
    )
