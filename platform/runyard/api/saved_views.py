"""Saved views by the REST API: list, make, change and delete what the panel of views shows.

The same rights and limits as the pages; `kit.looks` says what a query and columns may be.
"""

from typing import Any

from django.db import transaction
from django.http import Http404
from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runyard.api import asking, bodies, shapes
from runyard.api.bodies import ViewChange
from runyard.kit.looks import Look, read_address, recall
from runyard.kit.tables import Table
from runyard.kit.values import BadQuery
from runyard.tenancy import saved_views
from runyard.tenancy.models import SavedView, User
from runyard.tenancy.saved_views import BadView
from workloads.tables import WorkloadTable

TABLES: dict[str, type[Table]] = {"workloads": WorkloadTable}


class SavedViews(APIView):
    """List those the person sees, and make one."""

    def get(self, request: Request) -> Response:
        table = asking.parameters(request, "table").get("table", "workloads")
        _table(table)
        return Response({"views": [_shape(row) for row in saved_views.visible_views(request.user, table)]})

    def post(self, request: Request) -> Response:
        user, body = _person(request), bodies.new_view(request.data)
        look = _look(_table(body.table), body.query, body.columns, body.widths)
        with transaction.atomic():
            project = saved_views.project_to_share(user, body.project)
            view = saved_views.create(user, body.table, body.name, look, project)
            if body.default:
                saved_views.set_default(user, view, True)
        return Response(_shape(view), status=201)


class OneSavedView(APIView):
    """Read, change and delete."""

    def get(self, request: Request, view: int) -> Response:
        asking.parameters(request)
        return Response(_shape(_view(request, view)))

    def patch(self, request: Request, view: int) -> Response:
        user, row, body = _person(request), _view(request, view), bodies.view_change(request.data)
        with transaction.atomic():
            if body.name is not UNSET:
                saved_views.rename(user, row, body.name)
            if (body.query, body.columns, body.widths) != (UNSET, UNSET, UNSET):
                saved_views.update(user, row, _changed(row, body))
            if body.project is not UNSET:
                saved_views.share(user, row, saved_views.project_to_share(user, body.project))
            if body.default not in (UNSET, row.is_default):
                saved_views.set_default(user, row, body.default is True)
        return Response(_shape(row))

    def delete(self, request: Request, view: int) -> Response:
        saved_views.delete(_person(request), _view(request, view))
        return Response(status=204)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated is every view's default
    return request.user


def _view(request: Request, pk: int) -> SavedView:
    row = saved_views.visible_views(request.user, *TABLES).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _table(name: str) -> type[Table]:
    if name not in TABLES:
        raise BadView(table=f"The table is one of {', '.join(TABLES)}.")
    return TABLES[name]


def _shape(row: SavedView) -> dict[str, Any]:
    return shapes.saved_view(row, *recall(TABLES[row.table], row.query, row.layout))


def _changed(row: SavedView, body: ViewChange) -> Look:
    """The look of `row` with what `body` gives; the rest stays as far as the table still has it."""
    kept, _ = recall(TABLES[row.table], row.query, row.layout)
    return _look(
        TABLES[row.table],
        kept.query if body.query is UNSET else body.query,
        list(kept.columns) if body.columns is UNSET else body.columns,
        dict(kept.widths) if body.widths is UNSET else body.widths,
    )


def _look(table: type[Table], query: str, columns: list[str], widths: dict[str, int]) -> Look:
    """What to keep; without `columns` the table's own. Raises BadView with the table's words."""
    layout = {
        "columns": ",".join(columns),
        "widths": ",".join(f"{key}:{width}" for key, width in widths.items()),
    }
    try:
        params = read_address(query)
        for name, text in layout.items():
            if name in params:
                raise BadView(query=f"Send {name} beside the query, not in it.")
            params[name] = text
        return Look.of(table, params)
    except BadQuery as problem:
        raise BadView(query=str(problem)) from problem
