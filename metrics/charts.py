"""The charts of a workload: which there are, and each as a Plotly figure made of plain dicts.

Colours are names of tokens ("--s1"), which the browser looks up, so that one figure serves light and dark.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metrics.drawing import Drawn, drawn_in, isolated
from metrics.question import Grid
from metrics.reading import Reading
from metrics.series import METRICS, Scope, Series, Unit, Values, mean, total

#: So many lines of single pods and GPUs are drawn beside their mean: those with the highest figures.
MOST_LINES = 16
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 190, 52, 12, 8, 26
_PALETTE = tuple(f"--s{number}" for number in range(1, 9))
_DASHES = ("solid", "dot")
_HIGH = 0.91  # part of the axis above which no name has room


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. Of several `metrics` each is one line, all pods and GPUs together, named by `names`.

    `first` ones have a place on every page, and say in words why there is nothing.
    """

    key: str
    title: str
    metrics: tuple[str, ...]
    first: bool = False
    names: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit:
        return METRICS[self.metrics[0]].unit

    @property
    def of_gpu(self) -> bool:
        return METRICS[self.metrics[0]].scope is Scope.GPU


def _one(key: str, *, first: bool = False) -> Chart:
    return Chart(key, METRICS[key].label, (key,), first)


def _pair(key: str, title: str, **lines: str) -> Chart:
    return Chart(key, title, tuple(lines), names=tuple(lines.values()))


CHARTS = (
    _one("gpu_compute", first=True),
    _one("gpu_memory", first=True),
    _one("cpu", first=True),
    _one("memory", first=True),
    _pair("network", "Network", network_received="received", network_sent="sent"),
    _pair("disk", "Disk", disk_read="read", disk_written="written"),
    _one("gpu_tensor"),
    _one("gpu_power"),
    _one("gpu_temperature"),
    _pair("nvlink", "NVLink", nvlink_received="received", nvlink_sent="sent"),
    _pair("pcie", "PCIe", pcie_received="received", pcie_sent="sent"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A level that is drawn across a chart: what a pod asked for, may use, or a GPU has."""

    name: str
    value: float
    dash: str = "dash"


Marks = Mapping[str, list[Mark]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A chart with what there is to draw: `figure` is None where `empty` says why.

    `lines`: name, latest, mean, lowest and highest of each, as people read them. `at`: seconds since 1970 of
    the newest figure. `left_out`: how many lines are not drawn. `levels`: what `marks` say, in words.
    """

    chart: Chart
    figure: dict[str, Any] | None = None
    lines: list[tuple[str, ...]] = field(default_factory=list)
    empty: str = ""
    at: int | None = None
    left_out: int = 0
    levels: list[str] = field(default_factory=list)


def shown(chart: Chart, reading: Reading, marks: Iterable[Mark] = ()) -> Shown:
    """`chart` of what was read."""
    found = [one for key in chart.metrics for one in reading.of(key)]
    if not found:
        return Shown(chart, empty=reading.empty.get(chart.metrics[0], "There are no such figures."))
    lines = _together(chart, reading) if chart.names else _apart(found)
    at = max(int(one.times[~np.isnan(one.values)][-1]) for one in found)
    return of_lines(chart, reading.grid, lines, chart.unit, list(marks), at)


def of_lines(
    chart: Chart,
    grid: Grid,
    lines: list[tuple[str, Values]],
    unit: Unit,
    marks: Sequence[Mark] = (),
    at: int | None = None,
) -> Shown:
    """`chart` of these lines, each with its name and a value for each time of `grid`, not all unknown."""
    highest = max([float(np.nanmax(values)) for _, values in lines] + [mark.value for mark in marks])
    scale = drawn_in(unit, highest)
    most = MOST_LINES if chart.names or len(lines) == 1 else MOST_LINES + 1
    figure = _figure(grid, scale, lines[:most], marks, several=not chart.names)
    return Shown(
        chart,
        figure,
        [_told(name, values, scale) for name, values in lines[:most]],
        at=at,
        left_out=len(lines[most:]),
        levels=[f"{mark.name} {scale.words(mark.value)}" for mark in marks],
    )


def _together(chart: Chart, reading: Reading) -> list[tuple[str, Values]]:
    sums = [(name, total(reading.of(key))) for key, name in zip(chart.metrics, chart.names, strict=True)]
    return [(name, values) for name, values in sums if values is not None]


def _apart(found: list[Series]) -> list[tuple[str, Values]]:
    """The mean and each, those with the highest figures first where not all are drawn; one stands alone."""
    names = names_of(found)
    lines = [(name, one.values) for name, one in zip(names, found, strict=True)]
    if len(lines) == 1:
        return lines
    if len(lines) > MOST_LINES:
        lines.sort(key=lambda line: -float(np.nanmean(line[1])))
    whole = mean(found)
    assert whole is not None, "there are some"
    return [("mean", whole), *lines]


def names_of(found: list[Series]) -> list[str]:
    """What tells each from the others: the pod, less what all pods' names begin with, and the GPU."""
    pods = {one.labels.pod for one in found}
    begin = _beginning(min(pods), max(pods)) if len(pods) > 1 else ""
    return [_name(one, begin, several=len(pods) > 1) for one in found]


def _beginning(first: str, last: str) -> str:
    """What both begin with, and all names between them: up to a dash."""
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same].rpartition("-")[0]


def _name(one: Series, begin: str, *, several: bool) -> str:
    labels = one.labels
    pod = labels.pod.removeprefix(begin).lstrip("-") or labels.pod
    pod = f"pod {pod}" if pod.isdecimal() else pod
    if not labels.gpu_uuid:
        return pod
    gpu = " ".join(filter(None, ("GPU", labels.gpu or labels.gpu_uuid[-8:], labels.mig)))
    return f"{pod} {gpu}" if several else gpu


def _figure(
    grid: Grid, scale: Drawn, lines: list[tuple[str, Values]], marks: Sequence[Mark], *, several: bool
) -> dict[str, Any]:
    thin = several and len(lines) > 1
    traces = [
        _trace(grid, scale, name, values, number, bold=thin and not number, thin=thin and number > 0)
        for number, (name, values) in enumerate(lines)
    ]
    top = max([float(np.nanmax(scale.of(values))) for _, values in lines] + [0.0])
    return {
        "data": traces[1:] + traces[:1] if thin else traces,  # the mean on top of the others
        "layout": _layout(grid, scale, top, marks),
    }


def _trace(
    grid: Grid, scale: Drawn, name: str, values: Values, number: int, *, bold: bool, thin: bool
) -> dict[str, Any]:
    """Columnar: the first time, the step, and a value for each; null is a gap."""
    place = number - 1 if thin else number
    colour = "--ink" if bold else _PALETTE[place % len(_PALETTE)]
    line = {"color": colour, "width": 1 if thin else 2}
    if thin and place >= len(_PALETTE):
        line["dash"] = _DASHES[place // len(_PALETTE) % len(_DASHES)]
    return {
        "type": "scatter",
        "mode": "lines+markers" if isolated(values) else "lines",
        "name": name,
        "x0": grid.start * 1000,
        "dx": grid.step * 1000,
        "y": scale.of(values),
        "line": line,
        "marker": {"size": 4},
        "opacity": 0.7 if thin else 1,
    }


def _layout(grid: Grid, scale: Drawn, top: float, marks: Sequence[Mark]) -> dict[str, Any]:
    """Levels far above all figures are told beside the chart, not drawn: they would press it flat."""
    levels = [(mark, round(mark.value / scale.divisor, scale.places)) for mark in marks]
    drawn = [(mark, level) for mark, level in levels if level <= 4 * top or mark.dash == "dash"]
    ends = scale.top or max([top, *(level for _, level in drawn)]) * 1.1 or 1
    return {
        "height": HEIGHT,
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "xaxis": {"type": "date", "range": [(grid.start - grid.step) * 1000, grid.end * 1000]},
        "yaxis": {"range": [0, ends], "ticksuffix": scale.suffix, "fixedrange": True, "nticks": 5},
        "shapes": [_level(mark, level, "top" if level > ends * _HIGH else "bottom") for mark, level in drawn],
    }


def _level(mark: Mark, level: float, anchor: str) -> dict[str, Any]:
    """Its name stands on the line, or hangs from one that has no room above."""
    font = {"size": 10, "color": "--wait"}
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": level,
        "y1": level,
        "line": {"color": "--wait", "width": 1, "dash": mark.dash},
        "label": {"text": mark.name, "textposition": "start", "yanchor": anchor, "font": font},
    }


def _told(name: str, values: Values, scale: Drawn) -> tuple[str, ...]:
    known = values[~np.isnan(values)]
    return (name, *(scale.words(value) for value in (known[-1], known.mean(), known.min(), known.max())))
