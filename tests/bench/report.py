"""One line per measurement: what, how much, against which yardstick, and the goal."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """`ratio` is None where the goal is absolute; `met` says whether the goal was reached in this run.

    Without a goal the line is a figure to compare with, and always met.
    """

    what: str
    measured: str
    yardstick: str
    ratio: float | None
    goal: str
    met: bool

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}x"
        mark = ("met" if self.met else "MISSED") if self.goal else ""
        return f"{self.what:<46} {self.measured:<26} {self.yardstick:<40} {ratio:>8}  {self.goal:<22} {mark}"


HEAD = f"{'what':<46} {'measured':<26} {'yardstick':<40} {'ratio':>8}  {'goal':<22}"


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def percentile(values: list[float], share: float) -> float:
    """Nearest rank, such as 0.95."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
