"""Series of the own store over a range, on a grid: the finest samples that are kept for each part of it."""

import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from django.conf import settings

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
from runyard.kit.prepared import prepared

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
    for (series, resolution), samples in sorted(parts.items(), key=lambda part: _turn(part[0][1], grid)):
        values = _placed(samples, grid, by_number[series], resolution)
        found[series] = _filled(found[series], values) if series in found else values
    return Held(keys, found)


#: One way to the database and back: which series there are, their chunks, and what is staged of their nodes.
#: For a coarse grid, samples as scraped are only of interest from where they are not thinned yet. OFFSET 0
#: has PostgreSQL look up each series and node by its index, however few it thinks there are.
_NAMES = ", ".join(Labels.__slots__[1:])
_ASKED = ", ".join(["(%s::int2, %s::int8, %s::int8)"] * len(SPANS))
_STATEMENT = (
    f"WITH wanted AS MATERIALIZED (SELECT id, node, ARRAY[metric, {_NAMES}]::text[] AS key"  # noqa: S608
    f" FROM {StoredSeries._meta.db_table} WHERE cluster_id = %s AND pod_uid = ANY(%s) AND metric = ANY(%s)),"
    f" thinned AS MATERIALIZED (SELECT max(downsampled_to) AS until FROM {Upkeep._meta.db_table}"
    " WHERE cluster_id = %s AND %s)"
    " SELECT id, -1, 0, NULL::bytea, key FROM wanted"
    " UNION ALL SELECT chunk.*, NULL FROM thinned, wanted,"
    f" (VALUES {_ASKED}) AS asked(resolution, since, until), LATERAL"
    f" (SELECT series_id, resolution, start, data FROM {Chunk._meta.db_table}"
    " WHERE series_id = wanted.id AND resolution = asked.resolution AND start < asked.until AND start >="
    " greatest(asked.since, CASE WHEN asked.resolution = 0 THEN thinned.until END) OFFSET 0) AS chunk"
    " UNION ALL SELECT 0, 0, extract(epoch FROM at)::int, data, NULL"
    " FROM (SELECT DISTINCT node FROM wanted) AS its, LATERAL"
    f" (SELECT at, data FROM {Scraped._meta.db_table}"
    " WHERE cluster_id = %s AND node = its.node AND at >= to_timestamp(%s) OFFSET 0) AS scraped"
)
#: Samples this many seconds before a range still say something of its first step.
HELD = 300


def _rows(
    cluster: Cluster, pods: Collection[str], metrics: Collection[str], grid: Grid
) -> tuple[dict[int, Key], list[chunks.Row], list[staging.Row]]:
    wanted = (cluster.pk, list(pods), list(metrics))
    thinned = (cluster.pk, grid.step >= Resolution.FIVE_MINUTES)
    windows = _windows(grid, time.time())
    asked = (value for one in windows for value in (one.resolution, one.start, one.end))
    rows = prepared(_STATEMENT, (*wanted, *thinned, *asked, cluster.pk, grid.start - HELD))
    keys = {row[0]: (row[4][0], Labels(cluster.name, *row[4][1:])) for row in rows if row[4]}
    kept = [row[:4] for row in rows if row[0] and not row[4]]
    return keys, kept, [row[2:4] for row in rows if not row[0]]


def _placed(samples: Samples, grid: Grid, metric: Metric, resolution: int) -> Values:
    if resolution == Resolution.RAW:
        return on_grid(samples, grid, settings.METRICS_SECONDS, counter=metric.counter)
    return on_grid(samples, grid, resolution, counter=False)


def _turn(resolution: int, grid: Grid) -> tuple[bool, int]:
    """The coarsest that is fine enough comes first: it knows whole steps. Samples that begin as one ends
    know a few seconds. Then what is finer, then what is too coarse.
    """
    return (True, resolution) if resolution > grid.step else (False, -resolution)


def _filled(values: Values, more: Values) -> Values:
    return np.where(np.isnan(values), more, values)


def _windows(grid: Grid, now: float) -> list[Window]:
    """Which chunks to read, of each resolution: the coarsest that are fine enough, else what is left."""
    first, last = grid.start - grid.step - HELD, grid.end
    raw_from, middle_from = (
        max(int(now - days * DAY), first) for days in (settings.METRICS_DAYS, settings.METRICS_MIDDLE_DAYS)
    )
    raw, middle, hours = (raw_from, last), (middle_from, min(raw_from, last)), (first, min(middle_from, last))
    if grid.step >= Resolution.HOUR:
        raw, middle, hours = (first, last), (0, 0), (first, last)
    elif grid.step >= Resolution.FIVE_MINUTES:
        raw, middle = (first, last), (middle_from, last)
    return [
        Window(resolution, since // SPANS[resolution] * SPANS[resolution], until + 1)
        for resolution, (since, until) in zip(Resolution, (raw, middle, hours), strict=True)
    ]
