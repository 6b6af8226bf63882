"""Chunks of samples in the database: read by series and time, written many at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from django.db import connection

from metrics.models import Chunk, Resolution
from metrics.series import Metric
from metrics.store.catalogue import grain_of
from metrics.store.packing import Samples, pack, sound, unpack
from runyard.kit.prepared import prepared

#: The seconds that one chunk covers. Samples as scraped were an hour to a chunk once: those read as well.
SPANS: dict[int, int] = {
    Resolution.RAW: 4 * 3600,
    Resolution.FIVE_MINUTES: 86_400,
    Resolution.HOUR: 30 * 86_400,
}
Row = tuple[int, int, int, bytes]
_COLUMNS = "series_id, resolution, start, data"
_TABLE = Chunk._meta.db_table


@dataclass(frozen=True, slots=True)
class Window:
    """The chunks of one resolution that begin from `start` on and before `end` (seconds)."""

    resolution: int
    start: int
    end: int


def read(metrics: Mapping[int, Metric], windows: Collection[Window]) -> dict[tuple[int, int], Samples]:
    """All samples of the series in `metrics`, by series and resolution; each window of another resolution."""
    where = "series_id = ANY(%s) AND resolution = %s AND start >= %s AND start < %s"
    one, numbers = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE {where}", list(metrics)  # noqa: S608
    values = [value for w in windows for value in (numbers, w.resolution, w.start, w.end)]
    return unpacked(metrics, prepared(" UNION ALL ".join([one] * len(windows)), values))


def unpacked(metrics: Mapping[int, Metric], rows: Iterable[Row]) -> dict[tuple[int, int], Samples]:
    """The samples of (series, resolution, start, data), by series and resolution."""
    parts: dict[tuple[int, int], list[tuple[bytes, int]]] = defaultdict(list)
    for series, resolution, start, data in sorted(rows, key=itemgetter(0, 1, 2)):
        parts[series, resolution].append((data, start))
    return {key: unpack(found, grain_of(metrics[key[0]], key[1])) for key, found in parts.items()}


def write(metrics: Mapping[int, Metric], samples: Iterable[tuple[int, int, int, Samples]]) -> int:
    """Chunks of (series, resolution, start, samples), in place of those that are there; how many."""
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS new_chunks (LIKE {_TABLE}) ON COMMIT DELETE ROWS")
        with cursor.copy(f"COPY new_chunks ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "int2", "int4", "bytea"])
            for series, resolution, start, some in samples:
                grain = grain_of(metrics[series], resolution)
                good = sound(some, grain)
                if len(good):
                    copy.write_row((series, resolution, start, pack(good, start, grain)))
                    count += 1
        cursor.execute(
            f"INSERT INTO {_TABLE} ({_COLUMNS}) SELECT {_COLUMNS} FROM new_chunks"  # noqa: S608
            " ON CONFLICT (series_id, resolution, start) DO UPDATE SET data = excluded.data"
        )
        cursor.execute("TRUNCATE new_chunks")
    return count
