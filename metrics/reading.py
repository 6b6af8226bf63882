"""What pages, charts and the API read figures through: every question passes the gate here.

One call answers all charts of a page, all on one time axis. Raises `question.BadQuestion` in words.
"""

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from metrics.question import Grid, PodTime, Question, grid_of, metrics_named
from metrics.series import Metric, Scope, Series
from metrics.sharing import sharing_of
from metrics.sources.choice import sources_of
from metrics.sources.source import SourceError
from metrics.sources.source import SourceState as SourceState
from runyard.clusters.models import Cluster
from workloads import queries
from workloads.models import Pod, Workload
from workloads.phases import active
from workloads.status import ENDED, Phase

OTHER_TIME = "Choose another range, or Since start."
DOCTOR = "an administrator's “runyard doctor” says which sources work and how to get the others"
YOUNG_SECONDS = 60  # sources are asked a few times a minute, and what is used in a second takes two answers
_OVER = ENDED | {Phase.STOPPING, Phase.DELETING}


@dataclass(frozen=True, slots=True)
class Reading:
    """Series on one `grid`, in the order of metrics, pods (oldest first) and GPUs.

    `empty` says in words, by the key of a metric that was asked for, why there is no figure of it at all.
    """

    grid: Grid
    series: list[Series]
    sources: list[SourceState] = field(default_factory=list)
    empty: dict[str, str] = field(default_factory=dict)

    def of(self, metric: str) -> list[Series]:
        """Those of one metric."""
        return [one for one in self.series if one.metric == metric]


def series(
    user: Any,
    workload: Workload,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    points: int = 500,
    pods: Collection[int] | None = None,
    gpus: Collection[str] | None = None,
) -> Reading:
    """Figures of `workload`, which `user` must be able to see: a series for each GPU, or for each pod.

    `metrics`: keys of `series.METRICS`. `pods`: ids of rows, `gpus`: UUIDs; all of them where None.
    A pod has figures only for the time it lived. Sources that fail do not raise: they are told of.
    """
    asked, grid = metrics_named(list(metrics)), grid_of(start, end, points)
    every = list(queries.visible_pods(user, workload))
    rows = [pod for pod in every if pods is None or pod.pk in pods]
    question, found, states = figures_of(rows, asked, grid, gpus, workload.cluster)
    unrun = _unrun(workload, every, rows)
    return Reading(grid, found, states, _reasons(question, workload, unrun, found, states))


def figures_of(
    pods: Sequence[Pod],
    metrics: tuple[Metric, ...],
    grid: Grid,
    gpus: Collection[str] | None = None,
    cluster: Cluster | None = None,
) -> tuple[Question, list[Series], list[SourceState]]:
    """What was asked, the figures of `pods` of one cluster, and how its sources do.

    Each metric comes from the first source that has it; a source that fails says so in its state. Who asks
    must be able to see the pods. `cluster` may be left out where there is a pod.
    """
    shared = sharing_of(pods)
    times = (*map(PodTime.of, pods), *shared.reservations)
    lived = tuple(
        pod
        for pod in times
        if pod.since < grid.end + grid.step and (pod.until is None or pod.until > grid.start)
    )
    question = Question(
        cluster or pods[0].cluster, metrics, lived, grid, None if gpus is None else frozenset(gpus)
    )
    found: list[Series] = []
    states: list[SourceState] = []
    left = question
    for source in sources_of(question.cluster) if question.pods else ():
        with suppress(SourceError):
            found += source.read(left)
        states += source.states(left)
        there = {one.metric for one in found}
        left = replace(question, metrics=tuple(m for m in question.metrics if m.key not in there))
        if not left.metrics:
            break
    series = shared.parted(_while_it_lived(one, question) for one in found)
    return question, _ordered(question, series), states


def _while_it_lived(one: Series, question: Question) -> Series:
    """Without what a pod of the same name left before, or does after."""
    pod = next((pod for pod in question.pods if pod.uid == one.labels.pod_uid), None)
    if pod is None:
        return one
    step = question.grid.step
    alive = (one.times > pod.since) & ((pod.until is None) | (one.times < (pod.until or 0) + step))
    return replace(one, values=np.where(alive, one.values, np.nan))


def _ordered(question: Question, found: list[Series]) -> list[Series]:
    metrics = {metric.key: place for place, metric in enumerate(question.metrics)}
    pods = {pod.uid: place for place, pod in enumerate(question.pods)}
    known = [one for one in found if one.last is not None]
    return sorted(
        known,
        key=lambda one: (
            metrics[one.metric],
            pods.get(one.labels.pod_uid, len(pods)),
            one.labels.node,
            int(one.labels.gpu) if one.labels.gpu.isdecimal() else -1,
            one.labels.mig,
        ),
    )


def _reasons(
    question: Question, workload: Workload, unrun: str, found: list[Series], states: list[SourceState]
) -> dict[str, str]:
    """For each metric without figures, the first thing that explains it."""
    there = {one.metric for one in found}
    return {
        metric.key: _reason(question, workload, unrun, metric.scope, states)
        for metric in question.metrics
        if metric.key not in there
    }


def _reason(
    question: Question, workload: Workload, unrun: str, scope: Scope, states: list[SourceState]
) -> str:
    if scope is Scope.GPU and not workload.gpu_millis and not workload.gpu_memory_bytes:
        return "It asks for no GPU."
    if unrun:
        return unrun
    if not question.pods:
        return f"No pod of it ran in this time. {OTHER_TIME}"
    for state in states:
        if not state.ok and scope in state.scopes:
            since = f" since {state.since:%-d %B %H:%M} UTC" if state.since else ""
            return " ".join(filter(None, (f"{state.why}{since}.", state.advice)))
    if not states:
        return f"Runyard has not found yet what gives figures of its cluster. If it stays so, {DOCTOR}."
    able = [state for state in states if scope in state.scopes]
    if able and all(time.time() - pod.since < YOUNG_SECONDS for pod in question.pods):
        return f"Its first figures come in a moment; {_names(able)} told too few to draw so far."
    return (
        f"{_names(states)} had no such figures of it in this time. {OTHER_TIME} If there are none, {DOCTOR}."
    )


def _unrun(workload: Workload, every: Collection[Pod], asked: Sequence[Pod]) -> str:
    """Words where no pod of those `asked`, some of `every` one, ever had a node; else none."""
    if any(pod.node for pod in asked):
        return ""
    if any(pod.node for pod in every):
        return f"The pods chosen have not run{' yet' if active(asked) else ''}. Choose others, or all."
    if workload.deleted_at or workload.phase in _OVER:
        return "No pod of it has run: its Event history says what became of it."
    return "No pod of it has run yet: its Overview says what it waits for."


def _names(states: Sequence[SourceState]) -> str:
    return " and ".join(sorted({state.name for state in states}))
