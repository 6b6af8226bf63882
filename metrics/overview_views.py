"""The overview page, and its chart as JSON: what the viewer's projects hold and use."""

import time

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from metrics import snapshots, sparks
from metrics.charts import Chart, Shown, of_lines
from metrics.overview import overview
from metrics.question import Grid
from metrics.series import Unit, Values
from metrics.telling import json_answer, told_alone
from metrics.views import spark_answer
from runyard.clusters.models import Node
from runyard.tenancy.access import may_somewhere

HOURS = 24
TITLES = {"gpu": "GPUs, allocated and busy", "cpu": "CPU cores, allocated and used"}
NOTHING = "Nothing was noted yet: the first figures come within five minutes."


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Sums, who waits and runs where, who leaves GPUs idle."""
    can_create = may_somewhere(request.user, "create", noun="workload")
    return render(
        request, "metrics/overview.html", {"overview": overview(request.user), "can_create": can_create}
    )


@require_safe
def drawn(request: HttpRequest) -> HttpResponse:
    """Sparklines of the GPU use of the workloads with the ids in `of`, as far as the viewer sees them."""
    return spark_answer(request, lambda ids: sparks.of_workloads(request.user, ids))


@gzip_page
@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """What was allocated and used in the last day: of GPUs where there are any, else of CPU."""
    now = int(time.time())
    end = now - now % snapshots.SECONDS
    count = HOURS * 3600 // snapshots.SECONDS
    grid = Grid(end - (count - 1) * snapshots.SECONDS, snapshots.SECONDS, count)
    found = snapshots.history(request.user, grid)
    of, used = ("gpu", "busy") if _has_gpus(found["gpu_millis_allocated"]) else ("cpu", "used")
    chart = Chart("use", TITLES[of], (), names=("allocated", used))
    lines = [
        (name, found[f"{of}_millis_{name}"] / 1000)
        for name in ("allocated", used)
        if not np.isnan(found[f"{of}_millis_{name}"]).all()
    ]
    one = of_lines(chart, grid, lines, Unit.CORES) if lines else Shown(chart, empty=NOTHING)
    return json_answer(told_alone(one, grid))


def _has_gpus(allocated: Values) -> bool:
    """Now, as the tiles say, or within the day: nodes come and go."""
    return bool(np.nansum(allocated)) or Node.objects.filter(ready=True, gpus__gt=0).exists()
