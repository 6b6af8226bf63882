"""What is asked of a source: which metrics of which pods, at which times. Refuses what makes no sense.

`Grid` is the time axis that every chart of a page shares.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from django.utils import timezone

from metrics.series import METRICS, Metric, Times
from runyard.clusters.models import Cluster
from runyard.kit.values import BadQuery, moments
from workloads.models import Pod

#: Between two points; finer than that nothing is measured. Whole parts of an hour, so that grids coincide.
STEPS = (15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
#: A longer step is shown from its beginning: else what is new would be missing for hours of a month.
SHORT = 60
MOST_POINTS, MOST_DAYS = 2_000, 400
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


class BadQuestion(ValueError):
    """It cannot be answered as it was asked; the message is for people."""


class NoSuchPod(BadQuestion):
    """It names a pod that is not among those that are asked of: another workload's, or forgotten."""


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` times `step` seconds apart, the first at `start`; all of them multiples of `step`."""

    start: int
    step: int
    count: int

    @property
    def end(self) -> int:
        """The last of them."""
        return self.start + (self.count - 1) * self.step

    @property
    def times(self) -> Times:
        return self.start + self.step * np.arange(self.count, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class PodTime:
    """A pod, and the seconds in which it lived; `until` is None while it does."""

    uid: str
    namespace: str
    name: str
    node: str
    since: int
    until: int | None

    @classmethod
    def of(cls, pod: Pod) -> Self:
        """Since it was given a node, until it ended or was gone."""
        ended = min((at for at in (pod.finished_at, pod.gone_at) if at), default=None)
        return cls(
            pod.uid,
            pod.namespace,
            pod.name,
            pod.node,
            int((pod.scheduled_at or pod.created_at).timestamp()),
            math.ceil(ended.timestamp()) if ended else None,
        )


@dataclass(frozen=True, slots=True)
class Question:
    """`metrics` of `pods` of one cluster at the times of `grid`; only the GPUs `gpus`, where given."""

    cluster: Cluster
    metrics: tuple[Metric, ...]
    pods: tuple[PodTime, ...]
    grid: Grid
    gpus: frozenset[str] | None = field(default=None)


def grid_of(start: datetime, end: datetime, points: int) -> Grid:
    """At most `points` times from `start` to `end`, or to the end of a long step. Raises BadQuestion."""
    if not 1 <= points <= MOST_POINTS:
        raise BadQuestion(f"Ask for 1 to {MOST_POINTS} points.")
    if start >= end:
        raise BadQuestion("The range ends before it begins: swap its ends.")
    seconds = (end - start).total_seconds()
    if seconds < STEPS[0]:
        raise BadQuestion(f"The range is shorter than {STEPS[0]} seconds: nothing is measured so often.")
    if seconds > MOST_DAYS * 86_400 or start < _FIRST:
        raise BadQuestion(f"The range is longer than {MOST_DAYS} days: ask for a part of it.")
    step = _step(seconds / points)
    first = math.floor(start.timestamp() / step) + 1
    last = max((math.ceil if step > SHORT else math.floor)(end.timestamp() / step), first)
    first = max(first, last - points + 1)
    return Grid(first * step, step, last - first + 1)


def metrics_named(keys: list[str]) -> tuple[Metric, ...]:
    """The declarations of `keys`, each once. Raises BadQuestion."""
    for key in keys:
        if key not in METRICS:
            raise BadQuestion(f"There is no metric {key[:40]!r}; there are {', '.join(METRICS)}.")
    if not keys:
        raise BadQuestion(f"Name at least one metric: {', '.join(METRICS)}.")
    return tuple(METRICS[key] for key in dict.fromkeys(keys))


def pods_named(pods: Iterable[Pod], ids: Iterable[str]) -> list[Pod]:
    """Those of `pods` that have these ids of rows, as addresses write them. Raises BadQuestion."""
    known, wanted = {str(pod.pk): pod for pod in pods}, list(dict.fromkeys(ids))
    for one in wanted:
        if not (one.isascii() and one.isdigit() and len(one) < 20):
            raise BadQuestion("pod is the id of a pod, a whole number.")
        if one not in known:
            raise NoSuchPod(f"This workload has no pod {one}: it is another's, or was forgotten.")
    return [known[one] for one in wanted]


def _step(least: float) -> int:
    """The smallest step that is not less; whole days beyond the largest."""
    return next((step for step in STEPS if step >= least), math.ceil(least / 86_400) * 86_400)


def range_of(since: str, until: str) -> tuple[datetime, datetime]:
    """The moments that an address names, as `kit.values` reads them; empty: an hour ago, and now.

    Raises BadQuestion.
    """
    now = timezone.now()
    try:
        start = moments(since, "from")[0] if since else None
        end = moments(until, "to")[1] if until else now
    except BadQuery as error:
        raise BadQuestion(str(error)) from error
    if start and start > now:
        raise BadQuestion("The range begins in the future: leave “from” out, or name a moment that is over.")
    whole = end.replace(microsecond=0)  # a moment is a microsecond long
    start = start or whole - timedelta(hours=1)
    return start, whole if whole > start else end
