"""Series of the own store over a range, on a grid: the finest samples that are kept for each part of it."""

import time
from collections.abc import Collection, Mapping

import numpy as np
from django.conf import settings
from django.db import connection

from metrics.models import Resolution, Scraped, Upkeep
from metrics.question import Grid
from metrics.series import Metric, Values
from metrics.store import chunks, staging
from metrics.store.chunks import SPANS, Window
from metrics.store.onto_grid import on_grid
from metrics.store.packing import Samples, merged
from metrics.store.staging import staged

DAY = 86_400


def read(
    cluster: int, metrics: Mapping[int, Metric], nodes: Collection[str], grid: Grid
) -> dict[int, Values]:
    """The values of each series in `metrics`, which are of `nodes`, on `grid`; none where there are none."""
    kept, fresh_rows = _rows(cluster, metrics, nodes, grid)
    parts = chunks.unpacked(metrics, kept)
    for series, fresh in staged(fresh_rows, metrics).items():
        old = parts.get((series, Resolution.RAW))
        parts[series, Resolution.RAW] = merged([old, fresh] if old else [fresh])
    found: dict[int, Values] = {}
    for resolution in Resolution.values:  # what is finer wins
        for (series, its), samples in parts.items():
            if its == resolution:
                values = _placed(samples, grid, metrics[series], resolution)
                found[series] = _filled(found[series], values) if series in found else values
    return found


#: As rows of chunks, of no series.
_STAGED = (
    f"SELECT 0, 0, extract(epoch FROM at)::int, data FROM {Scraped._meta.db_table}"  # noqa: S608
    " WHERE cluster_id = %s AND node = ANY(%s) AND at >= to_timestamp(%s)"
)
#: Samples this many seconds before a range still say something of its first step.
HELD = 300


def _rows(
    cluster: int, metrics: Mapping[int, Metric], nodes: Collection[str], grid: Grid
) -> tuple[list[chunks.Row], list[staging.Row]]:
    """Chunks, and what is staged, by one statement: one way to the database and back."""
    statement, values = chunks.selecting(metrics, _windows(cluster, grid, time.time()))
    both = f"{statement} UNION ALL {_STAGED}"
    with connection.cursor() as cursor:
        cursor.execute(both, [*values, cluster, list(nodes), max(grid.start - HELD, 0)])
        rows = cursor.fetchall()
    return [row for row in rows if row[0]], [row[2:] for row in rows if not row[0]]


def _placed(samples: Samples, grid: Grid, metric: Metric, resolution: int) -> Values:
    if resolution == Resolution.RAW:
        return on_grid(samples, grid, settings.METRICS_SECONDS, counter=metric.counter)
    return on_grid(samples, grid, resolution, counter=False)


def _filled(values: Values, more: Values) -> Values:
    return np.where(np.isnan(values), more, values)


def _windows(cluster: int, grid: Grid, now: float) -> list[Window]:
    """Which chunks to read, of each resolution: the coarsest that are fine enough, else what is left."""
    coarse = grid.step >= Resolution.FIVE_MINUTES
    raw_from = _thinned_to(cluster) if coarse else int(now - settings.METRICS_DAYS * DAY)
    middle_from = raw_from if grid.step >= Resolution.HOUR else int(now - settings.METRICS_MIDDLE_DAYS * DAY)
    first, last = grid.start - grid.step - HELD, grid.end
    cuts = {
        Resolution.RAW: (max(raw_from, first), last),
        Resolution.FIVE_MINUTES: (max(middle_from, first), min(raw_from, last)),
        Resolution.HOUR: (first, min(middle_from, last)),
    }
    return [
        Window(resolution, since // SPANS[resolution] * SPANS[resolution], until + 1)
        for resolution, (since, until) in cuts.items()
        if since < until
    ]


def _thinned_to(cluster: int) -> int:
    return Upkeep.objects.filter(cluster=cluster).values_list("downsampled_to", flat=True).first() or 0
