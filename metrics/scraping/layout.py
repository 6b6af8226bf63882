"""What the known lines of an endpoint's answer come to, line by line: worked out once, for answers alike.

Of each answer only times and values are touched then, all of them at once. Its memory keeps it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metrics.scraping.text import Page
from metrics.series import Labels, Metric, Values
from metrics.store.staging import Brought

#: What the latest use is made of.
LATEST = frozenset({"gpu_compute", "gpu_memory", "gpu_memory_free", "gpu_memory_reserved", "cpu", "memory"})
#: Samples this many tenths before or after their scrape are of another clock.
OTHER_CLOCK = 36_000
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Slot:
    """What a series is: `factor` brings what is scraped to our unit; `name` is what its lines begin with."""

    metric: Metric
    labels: Labels
    factor: float
    name: str
    model: str = ""

    @property
    def key(self) -> tuple[str, Labels]:
        return self.metric.key, self.labels


@dataclass(frozen=True, slots=True)
class Layout:
    """`lines`: the series of each line; `series`: each of them once, by number; `first` of its lines.

    Each line has its place in `series` and its factor. `latest`: places of those now of interest.
    """

    lines: list[int]
    series: npt.NDArray[np.int32]
    first: Places
    places: Places
    factors: Values
    latest: list[tuple[int, Slot]]

    @classmethod
    def of(cls, lines: Sequence[int], slots: Mapping[int, Slot]) -> Self:
        """`slots`: what each series is."""
        series, first, places = np.unique(np.array(lines, np.int32), return_index=True, return_inverse=True)
        factors = np.array([slots[number].factor for number in lines], float)
        its = ((place, slots[number]) for place, number in enumerate(series.tolist()))
        latest = [(place, slot) for place, slot in its if slot.metric.key in LATEST]
        return cls(list(lines), series, first, places, factors, latest)

    def brought(self, node: str, page: Page, now: int) -> Brought:
        """The samples of such a `page`, scraped `now` (tenths of a second), in our units.

        What has several lines, such as one for each disk, is summed.
        """
        stamps = np.array(page.times, np.int64)
        times = np.where(abs(stamps - now) < OTHER_CLOCK, stamps, now)[self.first]
        values = np.array(page.values, float) * self.factors
        sums = np.bincount(self.places, values, len(self.series)).astype(float, copy=False)
        return Brought(node, self.series, times, sums)
