"""Samples at whatever times, as the mean of each step of a grid. A gap stays a gap.

A gauge holds its value back to the sample before; a counter rises evenly between two samples, and one that
fell was reset: it rose from zero. Where samples are further apart than GAP of their usual distance nothing
is known.
"""

import numpy as np

from metrics.question import Grid
from metrics.series import Values
from metrics.store.packing import Samples

GAP = 5
_LEAST_SECONDS = 1e-3


def on_grid(samples: Samples, grid: Grid, apart: float, *, counter: bool) -> Values:
    """The mean value (of a counter: its rate a second) in each step, the time before one of `grid.times`.

    `apart`: the usual seconds between two samples. NaN where no part of a step is known.
    """
    if not len(samples):
        return np.full(grid.count, np.nan)
    origin = grid.start - grid.step
    times = samples.times / 10 - origin
    starts, ends, amounts = (_rises if counter else _holds)(times, samples.values, apart)
    places = np.empty(2 * len(starts))
    places[::2], places[1::2] = starts, ends
    at = grid.step * np.arange(grid.count + 1, dtype=np.float64)
    seconds, amount = _between(at, places, ends - starts), _between(at, places, amounts)
    known = seconds > _LEAST_SECONDS
    return np.where(known, amount / np.where(known, seconds, 1), np.nan)


def _rises(times: Values, values: Values, apart: float) -> tuple[Values, Values, Values]:
    """Where a counter rose, and by how much."""
    joined = np.diff(times) <= GAP * apart
    rise = np.diff(values)
    rise = np.where(rise < 0, values[1:], rise)
    return times[:-1][joined], times[1:][joined], rise[joined]


def _holds(times: Values, values: Values, apart: float) -> tuple[Values, Values, Values]:
    """Where a gauge held a value, and that value times the seconds."""
    seconds = np.diff(times, prepend=times[0] - apart)
    seconds = np.where(seconds <= GAP * apart, seconds, apart)
    return times - seconds, times, values * seconds


def _between(at: Values, places: Values, amounts: Values) -> Values:
    """How much of `amounts`, each spread evenly between two of `places`, lies between neighbours of `at`."""
    if not len(places):
        return np.zeros(len(at) - 1)
    sums = np.zeros(len(places))
    np.cumsum(amounts, out=sums[1::2])
    sums[2::2] = sums[1:-1:2]
    return np.diff(np.interp(at, places, sums))
