"""Kubernetes quantities ("500m", "1.5Gi", "1e3") to numbers and back. Pure.

The suffixes and the grammar are those of k8s.io/apimachinery resource.Quantity.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_SUFFIX = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)([numkKMGTPE]?i?)\Z", re.ASCII)


@lru_cache(maxsize=4096)  # a cluster's pods ask for the same few amounts
def parse(text: str) -> Decimal:
    """The number a quantity stands for. Raises ValueError for anything that is none."""
    match = _FORM.match(text.strip()) if len(text) < 64 else None
    if match is None or match[2] not in _SUFFIX:
        raise ValueError(f"{text[:40]!r} is not a quantity")
    try:
        return Decimal(match[1]) * _SUFFIX[match[2]]
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]!r} is not a quantity") from error


def millis(text: str) -> int:
    """Thousandths, rounded up as Kubernetes does: millicores, or thousandths of a GPU."""
    return _up(parse(text) * 1000)


def whole(text: str) -> int:
    """Whole units, rounded up: bytes, GPUs."""
    return _up(parse(text))


def _up(number: Decimal) -> int:
    return int(number.to_integral_value(rounding="ROUND_CEILING"))


def cores(value: int) -> str:
    """Millicores as the shortest quantity: 1500 -> "1500m", 2000 -> "2"."""
    return f"{value}m" if value % 1000 else str(value // 1000)


def binary(value: int) -> str:
    """Bytes as the largest exact binary quantity: 1073741824 -> "1Gi"."""
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        unit = int(_SUFFIX[suffix])
        if value and value % unit == 0:
            return f"{value // unit}{suffix}"
    return str(value)
