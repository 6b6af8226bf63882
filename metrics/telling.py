"""What the Metrics tab is told of its charts: figures to draw, figures to read, and how their sources do."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from django.http import HttpResponse

from metrics.charts import Chart, Shown, shown
from metrics.levels import marks_of
from metrics.question import Grid
from metrics.reading import Reading, SourceState
from metrics.series import METRICS, Scope
from metrics.span import Span
from runyard.kit.pages import duration, iso
from workloads.models import Pod


def told(charts: Sequence[Chart], reading: Reading, pods: Sequence[Pod], span: Span) -> dict[str, Any]:
    """JSON of all `charts`, on the one time axis of `reading`; the ends of it in ISO 8601."""
    marks = marks_of(pods, reading)
    grid, now = reading.grid, time.time()
    drawn = [shown(chart, reading, marks.get(chart.key, ())) for chart in charts]
    return {
        "since": iso(span.start),
        "until": iso(span.end),
        "live": span.live,
        **_frame(grid),
        "charts": [_chart(one, _source(one, reading, now)) for one in drawn],
        "gpus": _gpus(reading),
        "trouble": [_trouble(state) for state in reading.sources if not state.ok],
    }


def told_alone(one: Shown, grid: Grid) -> dict[str, Any]:
    """JSON of a chart that belongs to no workload."""
    return {"until": iso(datetime.fromtimestamp(grid.end, UTC)), **_frame(grid), "charts": [_chart(one)]}


def json_answer(content: dict[str, Any], status: int = 200) -> HttpResponse:
    """With arrays as lists; what is not known in them is null."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return HttpResponse(body, "application/json", status, headers={"Cache-Control": "no-store"})


def _frame(grid: Grid) -> dict[str, int]:
    return {"start": grid.start, "step": grid.step, "count": grid.count}


def _chart(one: Shown, source: str = "") -> dict[str, Any]:
    return {
        "key": one.chart.key,
        "title": one.chart.title,
        "empty": one.empty,
        "figure": one.figure,
        "lines": one.lines,
        "left_out": one.left_out,
        "levels": one.levels,
        "source": source,
    }


def _source(one: Shown, reading: Reading, now: float) -> str:
    """Where its figures come from and how old the newest is: "kubelet of node a, 12 s ago"."""
    if one.at is None:
        return ""
    scope = METRICS[one.chart.metrics[0]].scope
    ages = [state.age for state in reading.sources if scope in state.scopes and state.age is not None]
    age = now - one.at if one.at < now else min(ages, default=0.0)  # its step may go on
    return f"{named(reading.sources, scope).removesuffix('.')}; the newest figure is {duration(age)} old."


def named(states: Sequence[SourceState], scope: Scope) -> str:
    """The sources that are well and have figures of `scope`: "From kubelet of node a and 2 more."."""
    names = list(dict.fromkeys(state.name for state in states if state.ok and scope in state.scopes))
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    said = ", ".join(names[:2]) + more if more else " and ".join(names)
    return f"From {said or 'the samples that are kept'}."


def _gpus(reading: Reading) -> list[tuple[str, str]]:
    """UUID and words of each, to choose from."""
    found = {}
    for one in reading.series:
        labels = one.labels
        if METRICS[one.metric].scope is Scope.GPU and labels.gpu_uuid not in found:
            found[labels.gpu_uuid] = f"GPU {labels.gpu or labels.gpu_uuid[-8:]} of {labels.node}"
    return list(found.items())


def _trouble(state: SourceState) -> str:
    since = f" since {state.since:%-d %B %H:%M} UTC" if state.since else ""
    return " ".join(filter(None, (f"{state.why}{since}.", state.advice)))
