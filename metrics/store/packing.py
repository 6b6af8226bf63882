"""Samples of one series as few bytes, exact to a grain of its values and times.

Times and values are whole numbers of their units, kept as differences less the most common one, their
bytes by place (all lowest bytes, then all next ones ...), compressed. Steady series take next to nothing.
"""

import struct
import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import zstandard

from metrics.series import Times, Values

Whole = npt.NDArray[np.int64]
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
    (dt, spread_t), (dv, spread_v) = _apart(times), _apart(values)
    wide_t, wide_v = _width(spread_t), _width(spread_v)
    widths = _CODES.index(wide_t) * 8 + _CODES.index(wide_v)
    head = _HEAD.pack(len(times), int(times[0]), dt, int(values[0]), dv, widths)
    return head + _packers.packer.compress(_planes(spread_t, wide_t) + _planes(spread_v, wide_v))


def unpack(data: bytes | memoryview, start: int, grain: Grain) -> Samples:
    """What `pack` was given, rounded to whole grains."""
    count, first_t, dt, first_v, dv, widths = _HEAD.unpack_from(data)
    wide_t, wide_v = _CODES[widths >> 3], _CODES[widths & 7]
    size, cut = (count - 1) * (wide_t + wide_v), (count - 1) * wide_t
    body = _packers.unpacker.decompress(data[_HEAD.size :], max_output_size=size) if size else b""
    times = _together(body[:cut], wide_t, count, first_t, dt)
    values = _together(body[cut:], wide_v, count, first_v, dv)
    return Samples(times * grain.tenths + start * 10, np.multiply(values, grain.value, dtype=np.float64))


def merged(parts: list[Samples]) -> Samples:
    """All of them in order of time; of those at the same time the last one given."""
    times, values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("times", "values"))
    if (times[1:] > times[:-1]).all():
        return Samples(times, values)
    unique, backwards = np.unique(times[::-1], return_index=True)
    return Samples(unique, values[::-1][backwards])


def sound(samples: Samples, grain: Grain) -> Samples:
    """Those whose values can be kept."""
    good = np.abs(samples.values) < MOST_GRAINS * grain.value  # false for NaN too
    return samples if good.all() else Samples(samples.times[good], samples.values[good])


def _moved(samples: Samples, to: Times) -> Values:
    """What the values are `to` these times, close by: as steep as before; level after a reset."""
    moved = samples.values.copy()
    rise, run = np.diff(moved), np.diff(samples.times)
    moved[1:] += np.where(rise > 0, rise, 0) / run * (to - samples.times)[1:]
    return moved


def _apart(numbers: Whole) -> tuple[int, Whole]:
    """The middle difference, and by how much each differs from it."""
    steps = np.diff(numbers)
    if not steps.size:
        return 0, steps
    middle = int(np.partition(steps, steps.size // 2)[steps.size // 2])
    return middle, steps - middle


def _width(numbers: Whole) -> int:
    """The bytes that each of them needs."""
    if not numbers.any():
        return 0
    most = max(int(numbers.max()), -int(numbers.min()) - 1)
    return next(width for width in (1, 2, 4, 8) if most < 1 << (8 * width - 1))


def _planes(numbers: Whole, width: int) -> bytes:
    if not width:
        return b""
    small = numbers.astype(_WIDTHS[width])
    return small.view(np.uint8).reshape(-1, width).T.tobytes()


def _together(body: bytes, width: int, count: int, first: int, common: int) -> Whole:
    if width == 0:
        return np.arange(count, dtype=np.int64) * common + first
    steps = np.frombuffer(body, np.int8)
    if width > 1:
        steps = steps.reshape(width, -1).T.copy().view(_WIDTHS[width]).ravel()
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    np.add(steps, common, out=numbers[1:], dtype=np.int64)
    return np.cumsum(numbers, out=numbers)


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
