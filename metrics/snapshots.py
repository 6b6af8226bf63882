"""What projects held and used over time: a row for each every five minutes, which the overview sums up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import F, Sum

from metrics.models import Snapshot
from metrics.overview import USES
from metrics.question import Grid
from metrics.series import Values
from workloads.models import Workload

SECONDS = 300
_FIELDS = ("gpu_millis_allocated", "gpu_millis_busy", "cpu_millis_allocated", "cpu_millis_used")
#: In their order, under names that no column has: USES reads columns.
_SUMS = {
    "gpu": Sum("gpu_millis_allocated", default=0),
    "gpu_busy": Sum(F("usage__gpu_compute") * F("usage__gpus_seen") * 10.0, filter=USES),
    "cpu": Sum("cpu_millis_allocated", default=0),
    "cpu_used": Sum("usage__cpu_millis", filter=USES),
}


def take(at: datetime) -> None:
    """One row for each project with workloads, unless another clock struck too; old ones are forgotten."""
    moment = at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)
    if Snapshot.objects.filter(at=moment).exists():
        return
    projects = Workload.objects.filter(deleted_at=None).order_by().values("project").annotate(**_SUMS)
    Snapshot.objects.bulk_create(
        Snapshot(project_id=project, at=moment, **dict(zip(_FIELDS, map(_whole, sums), strict=True)))
        for project, *sums in projects.values_list("project", *_SUMS)
    )
    Snapshot.objects.filter(at__lt=at - timedelta(days=settings.METRICS_MIDDLE_DAYS)).delete()


def history(user: Any, grid: Grid) -> dict[str, Values]:
    """The sums of what `user` may see at each time of `grid`, whose step is SECONDS; else NaN."""
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (grid.start, grid.end))
    rows = Snapshot.objects.visible_to(user).filter(at__gte=begin, at__lte=end)
    values = {name: np.full(grid.count, np.nan) for name in _FIELDS}
    for at, *sums in rows.order_by().values_list("at").annotate(*(Sum(name) for name in _FIELDS)):
        place = round((at.timestamp() - grid.start) / grid.step)
        for name, value in zip(_FIELDS, sums, strict=True):
            if value is not None:
                values[name][place] = value
    return values


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
