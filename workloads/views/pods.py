"""The pods of one workload as a table: the tab, the rows of one page of it, and the file."""

from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from runyard.kit.columns import OPERATORS
from runyard.kit.csv import TRY_AGAIN_SECONDS, Busy, csv_response, table_csv
from runyard.kit.pages import query
from runyard.kit.values import BadQuery
from runyard.tenancy.preferences import table_choice
from workloads.models import Workload
from workloads.pods_table import PodTable
from workloads.views.columns import PODS
from workloads.views.workload import find, header

_FILTER = ("column", "operator", "value")


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """As far as the address's filters allow; 400 with words when they are wrong.

    From the fields of the filter form it leads to the address with one `f=` more.
    """
    workload = find(request, pk)
    if "column" in request.GET:
        return HttpResponseRedirect(_filtered(request.GET))
    found = PodTable.page(request.user, _params(request, workload), table_choice(request.user, PODS))
    context = header(request, workload, "pods") | {
        "table": PodTable,
        "operators": OPERATORS,
        "rows": found,
        "params": request.GET,
        "filtered": any(request.GET.get(name) for name in ("q", "f")),
        "as_of": timezone.now(),
        "row_data": _row_data,
    }
    return render(request, "workloads/pods.html", context, status=400 if found.problem else 200)


@require_safe
def rows(request: HttpRequest, pk: int) -> HttpResponse:
    """The rows of one page alone, for a table that is scrolled; `drawn` are the columns it has."""
    workload = find(request, pk)
    params = _params(request, workload)
    if drawn := params.pop("drawn", [""])[-1]:
        params["columns"] = drawn
    found = PodTable.page(request.user, params, table_choice(request.user, PODS))
    if found.problem:
        return HttpResponseBadRequest(found.problem, content_type="text/plain")
    return HttpResponse(render_to_string("workloads/pod_rows.html", {"rows": found, "row_data": _row_data}))


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """What the tab shows, all rows of it, as CSV; 400 and 503 as for the table of workloads."""
    workload = find(request, pk)
    try:
        choice = table_choice(request.user, PODS)
        export = table_csv(PodTable, request.user, _params(request, workload), choice)
        return csv_response(export, "pods", workload.name)
    except BadQuery as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain; charset=utf-8")
    except Busy as busy:
        headers = {"Retry-After": str(TRY_AGAIN_SECONDS)}
        return HttpResponse(str(busy), "text/plain; charset=utf-8", 503, headers=headers)


def _params(request: HttpRequest, workload: Workload) -> QueryDict:
    """What the address asks for, of this workload alone, whatever it says."""
    params = request.GET.copy()
    params["workload"] = str(workload.pk)
    return params


def _filtered(asked: QueryDict) -> str:
    params = asked.copy()
    parts = [params.pop(name, [""])[-1] for name in _FILTER]
    return query(params, f=[*params.getlist("f"), "".join(parts)])


def _row_data(_: Any) -> dict[str, Any]:
    """Scripts read nothing from a pod's row."""
    return {}
