"""Kubernetes quantities ("500m", "1Gi", "2e3") as exact decimals. Pure; anyone in the package may call it."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,3}))?"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_MAX_LENGTH = 64  # the longest quantity anyone means; keeps hostile ones from costing anything


@lru_cache(maxsize=4096)
def parse(quantity: str | int | float) -> Decimal:
    """The quantity in base units (cores, bytes, devices). Raises ValueError for what Kubernetes refuses."""
    text = str(quantity)
    match = _QUANTITY.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
    number, suffix, exponent = match.groups()
    if suffix in _BINARY:
        return Decimal(number) * 1024 ** _BINARY[suffix]
    return Decimal(number).scaleb(int(exponent) if exponent else _DECIMAL[suffix or ""])


def millis(quantity: str | int | float) -> int:
    """Thousandths of a unit, rounded up: millicores for cpu."""
    return int((parse(quantity) * 1000).to_integral_value(ROUND_CEILING))


def whole(quantity: str | int | float) -> int:
    """Whole units, rounded up: bytes for memory, devices for GPUs."""
    return int(parse(quantity).to_integral_value(ROUND_CEILING))


def is_whole(quantity: str | int | float) -> bool:
    value = parse(quantity)
    return value == value.to_integral_value()
