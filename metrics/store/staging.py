"""What a scrape of one node brought, as one row: appended at once, whatever hours its series are in.

The rows are folded into chunks some minutes later; readers read both.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import zstandard
from django.db import connection

from metrics.models import Scraped
from metrics.series import Times, Values
from metrics.store.packing import Samples

#: Which series, when (tenths of a second after the row's `at`), and its value.
SAMPLE = np.dtype([("series", "<i4"), ("time", "<i4"), ("value", "<f8")])
Numbers = npt.NDArray[np.int32]
_COPY = f"COPY {Scraped._meta.db_table} (cluster_id, node, at, data) FROM STDIN (FORMAT BINARY)"
#: When it was, in seconds since 1970, and its data.
Row = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Brought:
    """Samples of a node: ids of stored series, tenths of a second since 1970, values."""

    node: str
    series: Numbers
    times: Times
    values: Values


def stage(cluster: int, at: datetime, brought: Iterable[Brought]) -> int:
    """Keep what a scrape at `at` brought, a row for each node; how many samples."""
    zero = int(at.timestamp())
    by_node: dict[str, list[Brought]] = defaultdict(list)
    for one in brought:
        if len(one.series):
            by_node[one.node].append(one)
    second, pack = datetime.fromtimestamp(zero, UTC), zstandard.ZstdCompressor(level=1).compress
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(["int8", "varchar", "timestamptz", "bytea"])
        for node, parts in by_node.items():
            copy.write_row((cluster, node, second, pack(_rows(parts, zero * 10))))
    return sum(len(one.series) for parts in by_node.values() for one in parts)


def _rows(parts: list[Brought], zero: int) -> bytes:
    rows = np.empty(sum(len(part.series) for part in parts), SAMPLE)
    at = 0
    for part in parts:
        its = rows[at : at + len(part.series)]
        its["series"], its["time"], its["value"] = part.series, part.times - zero, part.values
        at += len(its)
    return rows.tobytes()


def together(rows: Iterable[Row]) -> tuple[Numbers, Samples]:
    """The samples of `rows`: the series of each, and the samples in the same order."""
    unpacker = zstandard.ZstdDecompressor()
    zeros, texts = [], []
    for at, data in rows:
        zeros.append(at * 10)
        texts.append(unpacker.decompress(data))
    whole = np.frombuffer(b"".join(texts), SAMPLE)
    times = np.repeat(np.array(zeros, np.int64), [len(text) // SAMPLE.itemsize for text in texts])
    return whole["series"], Samples(times + whole["time"], whole["value"])


def staged(rows: Iterable[Row], wanted: Collection[int]) -> dict[int, Samples]:
    """What is staged of the series `wanted`, by series."""
    series, samples = together(rows)
    found = {}
    for number in wanted:
        chosen = series == number
        if chosen.any():
            found[number] = Samples(samples.times[chosen], samples.values[chosen])
    return found
