"""Sets of completion indexes as Kubernetes writes them: "0,2-4". Pure; used by the job controller."""

import re
from collections.abc import Iterable

_INDEX = re.compile(r"[0-9]{1,10}")


def parse(text: str, below: int) -> set[int]:
    """The indexes in `text` that are less than `below`; parts that are none are passed over."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if _INDEX.fullmatch(first) and _INDEX.fullmatch(last or first):
            found |= set(range(int(first), min(int(last or first) + 1, below)))
    return found


def text(indexes: Iterable[int]) -> str:
    """Runs of two as "1,2", longer ones as "1-3"."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(_run(first, last) for first, last in runs)


def _run(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first}{',' if last == first + 1 else '-'}{last}"
