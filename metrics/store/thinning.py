"""Makes coarse chunks of days that are over, and lets go of what is older than the settings say.

Called by the beat's tasks.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone

from metrics.models import Chunk, Resolution, Scraped, StoredSeries, Upkeep
from metrics.question import Grid
from metrics.series import Metric
from metrics.store import chunks
from metrics.store.alone import alone
from metrics.store.catalogue import metrics_of
from metrics.store.chunks import SPANS, Window
from metrics.store.onto_grid import on_grid
from metrics.store.packing import Samples, merged

DAY = 86_400
#: A day is thinned when nothing of it is staged any more.
LATE_SECONDS = 2 * 3600
AT_ONCE = 1_000

Coarse = tuple[int, int, int, Samples]


def thin(cluster: int, now: float | None = None) -> int:
    """The next day of `cluster` that is over and not thinned yet; how many series. 0 when none is left, or
    somebody else is at it."""
    keep, _ = Upkeep.objects.get_or_create(cluster_id=cluster)
    day = keep.downsampled_to or _first_day(cluster)
    if not day or day + DAY + LATE_SECONDS > (now or time.time()):
        return 0
    numbers = _of_day(cluster, day)
    for first in range(0, len(numbers), AT_ONCE):
        with alone(cluster) as ours:
            if not ours:
                return 0
            _thin(metrics_of(numbers[first : first + AT_ONCE]), day)
    Upkeep.objects.filter(pk=cluster, downsampled_to=keep.downsampled_to).update(downsampled_to=day + DAY)
    return max(len(numbers), 1)


def _first_day(cluster: int) -> int:
    first = Chunk.objects.filter(series__cluster=cluster, resolution=Resolution.RAW).order_by("start").first()
    return first.start // DAY * DAY if first else 0


def _of_day(cluster: int, day: int) -> list[int]:
    rows = Chunk.objects.filter(
        series__cluster=cluster, resolution=Resolution.RAW, start__gte=day, start__lt=day + DAY
    )
    return sorted(rows.order_by().values_list("series", flat=True).distinct())


def _thin(metrics: dict[int, Metric], day: int) -> None:
    # A little from before and after: the first step begins with the sample that came last, and the last one
    # ends with what the next sample says of it.
    raw = chunks.read(metrics, [Window(Resolution.RAW, day - SPANS[Resolution.RAW], day + DAY + 1)])
    month = day // SPANS[Resolution.HOUR] * SPANS[Resolution.HOUR]
    there = chunks.read(metrics, [Window(Resolution.HOUR, month, month + 1)])
    chunks.write(metrics, _coarse(metrics, raw, there, day, month))


def _coarse(
    metrics: dict[int, Metric],
    raw: dict[tuple[int, int], Samples],
    there: dict[tuple[int, int], Samples],
    day: int,
    month: int,
) -> Iterator[Coarse]:
    for (series, _), samples in raw.items():
        fine = _means(samples, metrics[series], day, Resolution.FIVE_MINUTES)
        if not len(fine):
            continue
        hours = _means(samples, metrics[series], day, Resolution.HOUR)
        before = there.get((series, Resolution.HOUR))
        yield series, Resolution.FIVE_MINUTES, day, fine
        yield series, Resolution.HOUR, month, merged([before, hours] if before else [hours])


def _means(samples: Samples, metric: Metric, day: int, step: int) -> Samples:
    """Those of the day, at the end of each step of which anything is known."""
    grid = Grid(day + step, step, DAY // step)
    values = on_grid(samples, grid, settings.METRICS_SECONDS, counter=metric.counter)
    known = ~np.isnan(values)
    return Samples(grid.times[known] * 10, values[known])


def forget(now: datetime | None = None) -> int:
    """Delete chunks, and series without any, that are older than the settings say; how many chunks."""
    now = now or timezone.now()
    days = {
        Resolution.RAW: settings.METRICS_DAYS,
        Resolution.FIVE_MINUTES: settings.METRICS_MIDDLE_DAYS,
        Resolution.HOUR: settings.METRICS_LONG_DAYS,
    }
    count = sum(_forget(resolution, now - timedelta(days=most)) for resolution, most in days.items())
    Scraped.objects.filter(at__lt=now - timedelta(days=settings.METRICS_DAYS)).delete()
    _forget_series(now - timedelta(days=1))
    return count


def _forget(resolution: Resolution, limit: datetime) -> int:
    """Those that end before `limit`."""
    rows = Chunk.objects.filter(
        resolution=resolution, start__lt=int(limit.astimezone(UTC).timestamp()) - SPANS[resolution]
    )
    return rows.delete()[0]


def _forget_series(limit: datetime) -> None:
    """Those without a chunk: of pods that are long gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {StoredSeries._meta.db_table} AS series WHERE created_at < %s AND NOT EXISTS"  # noqa: S608
            f" (SELECT FROM {Chunk._meta.db_table} WHERE series_id = series.id)",
            [limit],
        )
