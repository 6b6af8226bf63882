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
