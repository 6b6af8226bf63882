"""How figures of each unit are drawn and told: scaled to what people read, to three places that count."""

import math
from dataclasses import dataclass

import numpy as np

from metrics.series import Unit, Values

_BINARY = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scale: values over `divisor`, to so many `places`; `top`: where the axis ends, if that is fixed."""

    divisor: float
    places: int
    suffix: str
    top: float | None = None

    def of(self, values: Values) -> Values:
        return np.round(values / self.divisor, self.places)

    def words(self, value: float) -> str:
        """A figure as people read it: "1.25 GiB"."""
        number = f"{value / self.divisor:,.{self.places}f}"
        return (number.rstrip("0").rstrip(".") if "." in number else number) + self.suffix


def drawn_in(unit: Unit, highest: float) -> Drawn:
    """The scale of figures up to `highest`."""
    if unit is Unit.PERCENT:
        return Drawn(1, 1, " %", 105 if highest <= 100 else None)
    name, divisor = _binary(highest) if unit in (Unit.BYTES, Unit.BYTES_A_SECOND) else (unit.value, 1)
    suffix = {
        Unit.CORES: "",
        Unit.BYTES: f" {name}",
        Unit.BYTES_A_SECOND: f" {name}/s",
    }.get(unit, f" {unit.value}")
    return Drawn(divisor, _places(highest / divisor), suffix)


def isolated(values: Values) -> bool:
    """Whether a value stands between two that are not known: a line alone would not show it."""
    known = np.concatenate(([False], ~np.isnan(values), [False]))
    return bool((known[1:-1] & ~known[:-2] & ~known[2:]).any())


def _binary(highest: float) -> tuple[str, int]:
    return next((one for one in _BINARY if highest >= one[1]), _BINARY[-1])


def _places(highest: float) -> int:
    """So many that the highest has three figures that count; a tenth of a thousandth at least."""
    return min(4, max(0, 2 - math.floor(math.log10(highest)))) if highest > 0 else 2
