"""Samples at whatever times, as the mean of each step of a grid. A gap stays a gap.

A gauge holds its value back to the sample before; a counter rises evenly between two samples, and one that
fell was reset: it rose from zero. Where samples are further apart than GAP of their usual distance nothing
is known.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.question import Grid
from metrics.series import Times, Values
from metrics.store.packing import Samples

GAP = 5


def on_grid(samples: Samples, grid: Grid, apart: float, *, counter: bool) -> Values:
    """The mean value (of a counter: its rate a second) in each step, the time before one of `grid.times`.

    `apart`: the usual seconds between two samples. NaN where no part of a step is known.
    """
    if not len(samples):
        return np.full(grid.count, np.nan)
    known, amounts, runs = (_rises if counter else _holds)(samples, apart * 10)
    at = 10 * (grid.start + grid.step * np.arange(-1, grid.count, dtype=np.int64))
    # Both axes are those of known time alone: gaps have no length there.
    at_known = np.interp(at, runs, _known_before(runs))
    seconds, amount = np.diff(at_known) / 10, np.diff(np.interp(at_known, known, amounts))
    is_known = seconds > 0
    return np.where(is_known, amount / np.where(is_known, seconds, 1), np.nan)


def _rises(samples: Samples, apart: float) -> tuple[Values, Values, Values]:
    """Of a counter: the time known up to each sample, how much it rose until then, and where runs of
    samples without a gap begin and end. All times here are tenths of a second.
    """
    steps, rise = np.diff(samples.times), np.diff(samples.values)
    rise = np.where(rise < 0, samples.values[1:], rise)
    gaps = np.flatnonzero(steps > GAP * apart)
    steps[gaps] = rise[gaps] = 0
    return _sums(steps), _sums(rise), _runs(samples, gaps, 0)


def _holds(samples: Samples, apart: float) -> tuple[Values, Values, Values]:
    """As `_rises`, of a gauge: it rises by its value each second, `apart` before the first of a run."""
    steps = np.empty_like(samples.times)
    steps[0], steps[1:] = apart, np.diff(samples.times)
    gaps = np.flatnonzero(steps > GAP * apart) - 1
    steps[gaps + 1] = apart
    return _sums(steps), _sums(samples.values * steps / 10), _runs(samples, gaps, apart)


def _runs(samples: Samples, gaps: Times, before: float) -> Values:
    """Where each run begins, and ends."""
    runs = np.empty(2 * len(gaps) + 2)
    runs[0], runs[2::2] = samples.times[0] - before, samples.times[gaps + 1] - before
    runs[1:-1:2], runs[-1] = samples.times[gaps], samples.times[-1]
    return runs


def _known_before(runs: Values) -> Values:
    lengths = np.diff(runs)
    lengths[1::2] = 0
    return _sums(lengths)


def _sums(parts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of the first none, one, two ... of them."""
    sums = np.zeros(len(parts) + 1, parts.dtype)  # whole numbers are summed up several times as fast
    np.add.accumulate(parts, out=sums[1:])
    return sums
