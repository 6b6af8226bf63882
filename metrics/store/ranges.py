"""Series of the own store over a range, on a grid: the finest samples that are kept for each part of it."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection

from metrics.models import Chunk, Resolution, Scraped, StoredSeries, Upkeep
from metrics.question import Grid
from metrics.series import METRICS, Labels, Metric, Values
from metrics.store import chunks, staging
from metrics.store.catalogue import Key
from metrics.store.chunks import SPANS, Window
from metrics.store.onto_grid import on_grid
from metrics.store.packing import Samples, merged
from metrics.store.staging import staged
from runyard.clusters.models import Cluster

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Held:
    """The series of some pods, by number: what they are, and their values on the grid where there are any."""

    keys: dict[int, Key]
    values: dict[int, Values]


def read(cluster: Cluster, pods: Collection[str], metrics: Collection[str], grid: Grid) -> Held:
    """Every series that `pods` (uids) have of `metrics` (keys), on `grid`."""
    keys, kept, fresh_rows = _rows(cluster, pods, metrics, grid)
    by_number = {number: METRICS[metric] for number, (metric, _) in keys.items()}
    parts = chunks.unpacked(by_number, kept)
    for series, fresh in staged(fresh_rows, by_number).items():
        old = parts.get((series, Resolution.RAW))
        parts[series, Resolution.RAW] = merged([old, fresh] if old else [fresh])
    found: dict[int, Values] = {}
    for (series, resolution), samples in sorted(parts.items(), key=itemgetter(0)):  # what is finer wins
        values = _placed(samples, grid, by_number[series], resolution)
        found[series] = _filled(found[series], values) if series in found else values
    return Held(keys, found)


#: One way to the database and back: which series there are, their chunks, and what is staged of their nodes.
_NAMES = ", ".join(Labels.__slots__[1:])
_WANTED = (
    f"WITH wanted AS MATERIALIZED (SELECT id, ARRAY[metric, {_NAMES}]::text[] AS key, node"  # noqa: S608
    f" FROM {StoredSeries._meta.db_table} WHERE cluster_id = %s AND pod_uid = ANY(%s) AND metric = ANY(%s))"
    " SELECT id, -1, 0, NULL::bytea, key FROM wanted"
)
_CHUNKS = (
    " UNION ALL SELECT chunk.*, NULL FROM wanted, LATERAL"  # noqa: S608
    f" (SELECT series_id, resolution, start, data FROM {Chunk._meta.db_table} WHERE series_id = wanted.id"
    " AND resolution = %s AND start >= %s AND start < %s) AS chunk"
)
_STAGED = (
    " UNION ALL SELECT 0, 0, extract(epoch FROM at)::int, data, NULL"  # noqa: S608
    f" FROM {Scraped._meta.db_table} WHERE cluster_id = %s AND at >= to_timestamp(%s)"
    " AND node IN (SELECT node FROM wanted)"
)
#: Samples this many seconds before a range still say something of its first step.
HELD = 300


def _rows(
    cluster: Cluster, pods: Collection[str], metrics: Collection[str], grid: Grid
) -> tuple[dict[int, Key], list[chunks.Row], list[staging.Row]]:
    windows = _windows(cluster.pk, grid, time.time())
    values: list[Any] = [cluster.pk, list(pods), list(metrics)]
    values += [value for one in windows for value in (one.resolution, one.start, one.end)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_WANTED}{_CHUNKS * len(windows)}{_STAGED}", [*values, cluster.pk, max(grid.start - HELD, 0)]
        )
        rows = cursor.fetchall()
    keys = {row[0]: (row[4][0], Labels(cluster.name, *row[4][1:])) for row in rows if row[4]}
    kept = [row[:4] for row in rows if row[0] and not row[4]]
    return keys, kept, [row[2:4] for row in rows if not row[0]]


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
