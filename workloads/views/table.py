"""The table of workloads: the whole page, and the rows that changed."""

from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from runyard.kit.columns import OPERATORS
from runyard.kit.values import BadQuery
from runyard.tenancy.access import may_somewhere
from runyard.tenancy.preferences import table_choice
from workloads import bulk, sample
from workloads.tables import WorkloadTable
from workloads.views import changed, saved
from workloads.views.bulk import cards
from workloads.views.columns import TABLE


@require_safe
def workloads(request: HttpRequest) -> HttpResponse:
    """What the viewer may see, as far as the URL's filters allow; 400 with words when they are wrong."""
    views = saved.listed(request.user)
    if elsewhere := saved.full_address(request, views):
        return HttpResponseRedirect(elsewhere)
    tally = _tally(request)
    page = WorkloadTable.page(request.user, request.GET, table_choice(request.user, TABLE), tally["matching"])
    shelf = saved.shelf(request, views, page.problem)
    context = {
        "table": WorkloadTable,
        "shelf": shelf,
        "rows": page,
        "operators": OPERATORS,
        "row_data": changed.row_data(request.user),
        "params": saved.with_view(request.GET, shelf),
        "filtered": any(request.GET.get(name) for name in ("q", "f", *WorkloadTable.filters)),
        "can_create": may_somewhere(request.user, "create", noun="workload"),
        "sample": sample.offered(),
        "as_of": timezone.now(),
        "bulks": cards(request),
        **tally,
    }
    return render(request, "workloads/list.html", context, status=400 if page.problem else 200)


def _tally(request: HttpRequest) -> dict[str, Any]:
    """Of all workloads where the filters are wrong, which the page says."""
    try:
        return changed.tally_of(request.user, request.GET)
    except BadQuery:
        return changed.tally_of(request.user, QueryDict())


@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    """Rows `ids` (comma separated) as they are now; those that no longer match, or are gone, say so.

    `drawn` are the columns of the table they go into, whatever was chosen elsewhere meanwhile. Of the rows
    `others`, which are not in that table, it only says which enter between the cursors `after` and `before`.
    """
    params = request.GET.copy()
    try:
        ids, others = _pop_ids(params, "ids"), _pop_ids(params, "others")
        drawn = params.pop("drawn", [""])[-1]
        view = changed.View.read(params, drawn, table_choice(request.user, TABLE))
        entering = changed.entering(request.user, view, others)
        return HttpResponse(changed.draw(request.user, view, ids, entering))
    except (BadQuery, bulk.BadRequest) as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The rows of one page alone, for a table that is scrolled; `drawn` as above."""
    params = request.GET.copy()
    if drawn := params.pop("drawn", [""])[-1]:
        params["columns"] = drawn
    found = WorkloadTable.page(request.user, params, table_choice(request.user, TABLE))
    if found.problem:
        return HttpResponseBadRequest(found.problem, content_type="text/plain")
    context = {"rows": found, "row_data": changed.row_data(request.user)}
    return HttpResponse(render_to_string("workloads/page.html", context))  # not `render`: a frame asks more


def _pop_ids(params: QueryDict, name: str) -> list[int]:
    """The rows that `name` lists, taken out of `params`; no more than a browser holds."""
    ids = bulk.read_ids(params.pop(name, [""])[-1:])
    if len(ids) > changed.MOST_ROWS:
        raise BadQuery(f"At most {changed.MOST_ROWS} rows are drawn at once; {len(ids):,} were asked for.")
    return ids
