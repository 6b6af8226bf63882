"""Sets of completion indexes as Kubernetes writes them: "0,2-4". Pure; for Jobs and their rules."""

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


def checked(text: str, below: int) -> set[int]:
    """The indexes in `text`; a ValueError where they do not rise or reach `below`."""
    before = -1
    for part in text.split(","):
        ends = part.split("-")
        if len(ends) > 2:
            words = "an index interval can have at most two parts separated by '-'"
            raise ValueError(f'the fragment "{part}" violates the requirement that {words}')
        for end in ends:
            before = _next(end, before, below)
    return parse(text, below)


def _next(word: str, before: int, below: int) -> int:
    if not _INDEX.fullmatch(word):
        raise ValueError(f'cannot convert string to integer for index: "{word}"')
    index = int(word)
    if index >= below:
        raise ValueError(f'too large index: "{word}"')
    if index <= before:
        raise ValueError(f"non-increasing order, previous: {before}, current: {index}")
    return index


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
