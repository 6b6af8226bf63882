"""The table of workloads: the whole page, and the rows that changed."""

from dataclasses import replace
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
from runyard.kit.layout import Layout
from runyard.kit.values import BadQuery
from runyard.tenancy.access import may_somewhere
from runyard.tenancy.preferences import table_choice
from workloads import bulk, queries, sample
from workloads.availability import Availability
from workloads.tables import TALLY, Tile, WorkloadTable
from workloads.views import saved
from workloads.views.columns import TABLE

MOST_ROWS = 100  # of one table that a browser holds


@require_safe
def workloads(request: HttpRequest) -> HttpResponse:
    """What the viewer may see, as far as the URL's filters allow; 400 with words when they are wrong."""
    views = saved.listed(request.user)
    if elsewhere := saved.full_address(request, views):
        return HttpResponseRedirect(elsewhere)
    page = WorkloadTable.page(request.user, request.GET, table_choice(request.user, TABLE))
    shelf = saved.shelf(request, views, page.problem)
    context = {
        "table": WorkloadTable,
        "shelf": shelf,
        "rows": page,
        "operators": OPERATORS,
        "row_data": _row_data(request.user),
        "params": saved.with_view(request.GET, shelf),
        "filtered": any(request.GET.get(name) for name in ("q", "f", *WorkloadTable.filters)),
        "can_create": may_somewhere(request.user, "create", noun="workload"),
        "sample": sample.offered(),
        "as_of": timezone.now(),
        **_tally(request.user, QueryDict() if page.problem else request.GET),
    }
    return render(request, "workloads/list.html", context, status=400 if page.problem else 200)


@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    """Rows `ids` (comma separated) as they are now; those that no longer match, or are gone, say so.

    `drawn` are the columns of the table they go into, whatever was chosen elsewhere meanwhile. Of the rows
    `others`, which are not in that table, it only says which enter between the cursors `after` and `before`.
    """
    params = request.GET.copy()
    try:
        ids, others = _pop_ids(params, "ids"), _pop_ids(params, "others")
        drawn = params.pop("drawn", [""])[-1] or params.get("columns")
        layout = Layout.read(WorkloadTable.columns, drawn, table_choice(request.user, TABLE))
        query = replace(WorkloadTable.read(params), layout=layout)
        found, there = WorkloadTable.again(request.user, query, ids)
        entering = WorkloadTable.entering(request.user, query, others) if others else set()
    except (BadQuery, bulk.BadRequest) as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain")
    matching = {row.pk for row in found}
    context = {
        "layout": layout,
        "found": found,
        "row_data": _row_data(request.user),
        "hidden": [pk for pk in ids if pk in there and pk not in matching],
        "gone": [pk for pk in ids if pk not in there],
        "entering": sorted(entering),
        "params": params,
        **_tally(request.user, params),
    }
    return _fragment("workloads/rows.html", context)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The rows of one page alone, for a table that is scrolled; `drawn` as above."""
    params = request.GET.copy()
    if drawn := params.pop("drawn", [""])[-1]:
        params["columns"] = drawn
    found = WorkloadTable.page(request.user, params, table_choice(request.user, TABLE))
    if found.problem:
        return HttpResponseBadRequest(found.problem, content_type="text/plain")
    return _fragment("workloads/page.html", {"rows": found, "row_data": _row_data(request.user)})


def _fragment(template: str, context: dict[str, Any]) -> HttpResponse:
    """Rows alone, without what only the frame of a page asks of the database."""
    return HttpResponse(render_to_string(template, context))


def _pop_ids(params: QueryDict, name: str) -> list[int]:
    """The rows that `name` lists, taken out of `params`; no more than a browser holds."""
    ids = bulk.read_ids(params.pop(name, [""])[-1:])
    if len(ids) > MOST_ROWS:
        raise BadQuery(f"At most {MOST_ROWS} rows are drawn at once; {len(ids):,} were asked for.")
    return ids


def _row_data(user: Any) -> Any:
    """What scripts read from a row: why each action cannot be used."""
    availability = Availability(user)
    return lambda row: {
        "name": row.name,
        "why": {verb: why.short for verb, why in availability.why_not(row).items() if why},
    }


def _tally(user: Any, params: QueryDict) -> dict[str, Any]:
    """How many of the rows that match, the status filter aside, are in each group of phases."""
    without_phase = params.copy()
    for name in ("phase", "sort", "columns", "after", "before"):
        without_phase.pop(name, None)
    query = WorkloadTable.read(without_phase)
    narrowed = WorkloadTable.matching(user, query) if query.where else None
    by_phase = queries.all_by_phase(user) if narrowed is None else queries.by_phase(narrowed)
    tiles = [Tile.of(group, by_phase, params.getlist("phase")) for group in TALLY]
    return {"tally": tiles, "all_count": sum(count for count, _ in by_phase.values())}
