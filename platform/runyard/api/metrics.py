"""Figures of a workload over time, for programs: the same reading as the charts of its page."""

from typing import Any

import numpy as np
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from metrics.question import MOST_POINTS, BadQuestion, NoSuchPod, pods_named, range_of
from metrics.reading import Reading, SourceState, series
from metrics.series import METRICS, Series
from runyard.api import asking
from runyard.kit.pages import iso
from workloads import queries
from workloads.models import Workload

USUAL = ("gpu_compute", "gpu_memory", "cpu", "memory")
PARAMETERS = ("metric", "from", "to", "points", "pod", "gpu")


class Metrics(APIView):
    """`metric` (repeated, or with commas), `from`, `to`, `points`; `pod` (ids) and `gpu` (UUIDs) choose."""

    def get(self, request: Request, pk: int) -> Response:
        workload = asking.workload(request, pk)
        asking.parameters(request, *PARAMETERS)
        try:
            return Response(_shape(_reading(request, workload)))
        except NoSuchPod as error:
            raise NotFound(str(error)) from error
        except BadQuestion as error:
            raise ValidationError({"detail": str(error)}) from error


def _reading(request: Request, workload: Workload) -> Reading:
    start, end = range_of(request.query_params.get("from", ""), request.query_params.get("to", ""))
    pods, gpus = _list(request, "pod"), _list(request, "gpu")
    return series(
        request.user,
        workload,
        _list(request, "metric") or USUAL,
        start,
        end,
        _points(request.query_params.get("points", "500")),
        [pod.pk for pod in pods_named(queries.visible_pods(request.user, workload), pods)] if pods else None,
        gpus or None,
    )


def _list(request: Request, name: str) -> list[str]:
    return [one for text in request.query_params.getlist(name) for one in text.split(",") if one]


def _points(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadQuestion(f"points is a whole number from 1 to {MOST_POINTS}.")
    return int(text)


def _shape(reading: Reading) -> dict[str, Any]:
    grid = reading.grid
    return {
        "start": grid.start,
        "step": grid.step,
        "count": grid.count,
        "series": [_series(one) for one in reading.series],
        "empty": reading.empty,
        "sources": [_source(state) for state in reading.sources],
    }


def _series(one: Series) -> dict[str, Any]:
    """Unknown values are null."""
    labels, values = one.labels, one.values.astype(object)
    values[np.isnan(one.values)] = None
    return {
        "metric": one.metric,
        "unit": METRICS[one.metric].unit.value,
        "pod": labels.pod,
        "pod_uid": labels.pod_uid,
        "node": labels.node,
        "gpu": labels.gpu,
        "gpu_uuid": labels.gpu_uuid,
        "mig": labels.mig,
        "values": values.tolist(),
    }


def _source(state: SourceState) -> dict[str, Any]:
    return {
        "name": state.name,
        "ok": state.ok,
        "since": iso(state.since),
        "why": state.why,
        "advice": state.advice,
        "age_seconds": state.age,
    }
