"""For `charts`, in a process of its own: a figure's JSON, its weight and its CPU, beside Plotly's classes."""

import gzip
import json
import time
from collections.abc import Callable

import django

django.setup()  # before anything that holds models is imported

import numpy as np  # noqa: E402
import orjson  # noqa: E402
import plotly.graph_objects as go  # noqa: E402

from metrics.charts import CHARTS, of_lines  # noqa: E402
from metrics.question import Grid  # noqa: E402
from tests.bench.report import median  # noqa: E402

LINES, POINTS, RUNS, RUNS_OF_CLASSES = 8, 500, 100, 5
GRID = Grid(1_790_000_100, 60, POINTS)
WALK = np.random.default_rng(7).normal(0, 4, (LINES, POINTS)).cumsum(axis=1)
ROWS = 50 + 45 * np.sin(WALK / 20)  # the use of eight GPUs, restless
CHART = next(chart for chart in CHARTS if chart.key == "gpu_compute")


def ours() -> bytes:
    lines = [(f"GPU {number}", row) for number, row in enumerate(ROWS)]
    figure = of_lines(CHART, GRID, lines, CHART.unit).figure
    return orjson.dumps(figure, option=orjson.OPT_SERIALIZE_NUMPY)


def by_classes() -> str:
    times = GRID.times.astype("datetime64[s]")
    lines = [go.Scatter(x=times, y=row, mode="lines", name=f"GPU {n}") for n, row in enumerate(ROWS)]
    return str(go.Figure(lines).to_json())


def cost(work: Callable[[], object], runs: int) -> float:
    """Seconds of CPU, the median."""
    found = []
    for _ in range(runs):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return median(found)


if __name__ == "__main__":
    by_classes()  # it imports what it needs the first time
    body = ours()
    sizes = {"bytes": len(body), "gzip": len(gzip.compress(body, 6))}
    print(json.dumps(sizes | {"ours": cost(ours, RUNS), "by_classes": cost(by_classes, RUNS_OF_CLASSES)}))
