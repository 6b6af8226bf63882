"""Samples of one series as few bytes, exact to a grain of its values and times.

Times and values are whole numbers of their units, kept as differences less the most common one, their
bytes by place (all lowest bytes, then all next ones ...), compressed. Steady series take next to nothing.
"""

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import zstandard

from metrics.series import Times, Values

Whole = npt.NDArray[np.signedinteger]
#: How many, first time, common difference of times, first value, common difference of values, widths.
_HEAD = struct.Struct("<HIIqqB")
_WIDTHS: dict[int, str] = {0: "", 1: "<i1", 2: "<i2", 4: "<i4", 8: "<i8"}
_CODES = tuple(_WIDTHS)
#: Beyond this a value of a series is nonsense, and what is kept of it would overflow.
MOST_GRAINS = 2**61


@dataclass(frozen=True, slots=True)
class Grain:
    """The least difference that is kept: of values, and of times in tenths of a second.

    The value of a `sloping` one, a counter, moves with its time along its slope: its rate stays exact.
    """

    value: float
    tenths: int = 10
    sloping: bool = False


@dataclass(frozen=True, slots=True)
class Samples:
    """`times` in tenths of a second since 1970, rising; `values` as many."""

    times: Times
    values: Values

    def __len__(self) -> int:
        return len(self.times)


def pack(samples: Samples, start: int, grain: Grain) -> bytes:
    """`samples`, at most 65,535 and none before `start` (seconds); each value a number, see `sound`."""
    times = (samples.times - start * 10 + grain.tenths // 2) // grain.tenths
    moved = _moved(samples, times * grain.tenths + start * 10) if grain.sloping else samples.values
    values = np.rint(moved / grain.value).astype(np.int64)
    (dt, spread_t, wide_t), (dv, spread_v, wide_v) = _apart(times), _apart(values)
    widths = _CODES.index(wide_t) * 8 + _CODES.index(wide_v)
    head = _HEAD.pack(len(times), int(times[0]), dt, int(values[0]), dv, widths)
    return head + _packers.packer.compress(_planes(spread_t, wide_t) + _planes(spread_v, wide_v))


def unpack(chunks: Sequence[tuple[bytes, int]], grain: Grain) -> Samples:
    """What `pack` was given for each (data, start), rounded to whole grains and in order of time."""
    heads = [_HEAD.unpack_from(data) for data, _ in chunks]
    times, values = np.empty((2, sum(head[0] for head in heads)), np.int64)
    at = 0
    for (data, start), (count, first_t, dt, first_v, dv, widths) in zip(chunks, heads, strict=True):
        wide_t, wide_v, steps, its = _CODES[widths >> 3], _CODES[widths & 7], count - 1, slice(at, at + count)
        size = steps * (wide_t + wide_v)
        body = _packers.unpacker.decompress(data[_HEAD.size :], size) if size else b""
        _sums(start * 10 // grain.tenths + first_t, dt, _steps(body, 0, wide_t, steps), times[its])
        _sums(first_v, dv, _steps(body, steps * wide_t, wide_v, steps), values[its])
        at += count
    times *= grain.tenths
    return in_order(Samples(times, values * float(grain.value)))


def merged(parts: list[Samples]) -> Samples:
    """All of them in order of time; of those at the same time the last one given."""
    times = np.concatenate([part.times for part in parts])
    return in_order(Samples(times, np.concatenate([part.values for part in parts])))


def in_order(samples: Samples) -> Samples:
    """Them in order of time; of those at the same time the last one."""
    times = samples.times
    if not np.count_nonzero(times[1:] <= times[:-1]):
        return samples
    unique, backwards = np.unique(times[::-1], return_index=True)
    return Samples(unique, samples.values[::-1][backwards])


def sound(samples: Samples, grain: Grain) -> Samples:
    """Those whose values can be kept."""
    size, most = np.abs(samples.values), MOST_GRAINS * grain.value
    if size.max(initial=0) < most:  # not so with a NaN
        return samples
    return Samples(samples.times[size < most], samples.values[size < most])


def _moved(samples: Samples, to: Times) -> Values:
    """What the values are `to` these times, close by: as steep as before; level after a reset."""
    moved = samples.values.copy()
    rise, run = np.diff(moved), np.diff(samples.times)
    moved[1:] += np.where(rise > 0, rise, 0) / run * (to - samples.times)[1:]
    return moved


def _apart(numbers: Whole) -> tuple[int, Whole, int]:
    """The middle difference, by how much each differs from it, and the bytes that each of those needs."""
    steps = numbers[1:] - numbers[:-1]
    if not steps.size:
        return 0, steps, 0
    ordered = np.sort(steps)  # costs no more than to look for the middle, the least and the most
    middle = int(ordered[steps.size // 2])
    return middle, steps - middle, _width(int(ordered[0]) - middle, int(ordered[-1]) - middle)


def _width(low: int, high: int) -> int:
    """The bytes that a number from `low` to `high` needs."""
    if low == high:
        return 0
    most = max(high, -low - 1)
    return next(width for width in (1, 2, 4, 8) if most < 1 << (8 * width - 1))


def _planes(numbers: Whole, width: int) -> bytes:
    if not width:
        return b""
    small = numbers.astype(_WIDTHS[width])
    if width == 1:
        return small.tobytes()
    return small.view(np.uint8).reshape(-1, width).T.tobytes()


def _steps(body: bytes, at: int, width: int, count: int) -> Whole | int:
    """What `_planes` was given."""
    if width == 0:
        return 0
    planes = np.frombuffer(body, np.int8, count * width, at)
    return planes if width == 1 else planes.reshape(width, count).T.copy().view(_WIDTHS[width])[:, 0]


def _sums(first: int, common: int, steps: Whole | int, into: Whole) -> None:
    """Numbers from `first` on, each by its step and `common` more than the one before."""
    into[0], into[1:] = first, steps
    into[1:] += common
    np.add.accumulate(into, out=into)


class _Packers(threading.local):
    """They are no two threads' at a time. Without what every packed text would begin and end with."""

    @cached_property
    def packer(self) -> zstandard.ZstdCompressor:
        bare = {"write_content_size": False, "write_checksum": False, "write_dict_id": False}
        parameters = zstandard.ZstdCompressionParameters.from_level(
            3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, **bare
        )
        return zstandard.ZstdCompressor(compression_params=parameters)

    @cached_property
    def unpacker(self) -> zstandard.ZstdDecompressor:
        return zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS)


_packers = _Packers()
