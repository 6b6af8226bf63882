"""Sets of completion indexes as Kubernetes writes them: "0,2-4". Pure; used by the job controller."""

from collections.abc import Iterable


def parse(text: str) -> set[int]:
    """The indexes in `text`; parts that are none are passed over."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found |= set(range(int(first), int(last or first) + 1))
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
