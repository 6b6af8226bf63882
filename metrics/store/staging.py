"""What a scrape of one node brought, as one row: appended at once, whatever hours its series are in.

The rows are folded into chunks some minutes later; readers read both.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import zstandard

from metrics.models import Scraped
from metrics.store.packing import Samples

#: Which series, when (tenths of a second after the row's `at`), and its value.
SAMPLE = np.dtype([("series", "<i4"), ("time", "<i4"), ("value", "<f8")])
#: When it was, in seconds since 1970, and its data.
Row = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Brought:
    """Samples of a node: ids of stored series, tenths of a second since 1970, values."""

    node: str
    series: list[int]
    times: list[int]
    values: list[float]


def stage(cluster: int, at: datetime, brought: Iterable[Brought]) -> int:
    """Keep what a scrape at `at` brought; how many samples."""
    zero = int(at.timestamp()) * 10
    at = datetime.fromtimestamp(zero // 10, UTC)
    rows = [
        Scraped(cluster_id=cluster, node=one.node, at=at, data=_packed(one, zero))
        for one in brought
        if one.series
    ]
    Scraped.objects.bulk_create(rows, batch_size=500)
    return sum(len(one.series) for one in brought)


def _packed(one: Brought, zero: int) -> bytes:
    rows = np.empty(len(one.series), SAMPLE)
    rows["series"], rows["value"] = one.series, one.values
    rows["time"] = np.asarray(one.times, np.int64) - zero
    return zstandard.ZstdCompressor(level=1).compress(rows.tobytes())


def together(rows: Iterable[Row]) -> tuple[npt.NDArray[np.int32], Samples]:
    """The samples of `rows`: the series of each, and the samples in the same order."""
    unpacker = zstandard.ZstdDecompressor()
    parts, times = [], []
    for at, data in rows:
        part = np.frombuffer(unpacker.decompress(data), SAMPLE)
        parts.append(part)
        times.append(part["time"].astype(np.int64) + at * 10)
    if not parts:
        return np.empty(0, np.int32), Samples(np.empty(0, np.int64), np.empty(0))
    whole = np.concatenate(parts)
    return whole["series"], Samples(np.concatenate(times), whole["value"].astype(np.float64))


def staged(rows: Iterable[Row], wanted: Collection[int]) -> dict[int, Samples]:
    """What is staged of the series `wanted`, by series."""
    series, samples = together(rows)
    found = {}
    for number in wanted:
        chosen = series == number
        if chosen.any():
            found[number] = Samples(samples.times[chosen], samples.values[chosen])
    return found
