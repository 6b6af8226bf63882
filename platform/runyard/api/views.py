"""The REST API, version 1: the same queries and actions as the pages, for programs."""

from django.db.models import QuerySet
from django.http import QueryDict, StreamingHttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runyard.api import asking, bodies, shapes
from runyard.api.rendering import CsvRenderer
from runyard.clusters.models import Cluster
from runyard.kit.counting import count_exactly
from runyard.kit.csv import csv_response, rows_export
from runyard.kit.layout import Layout
from runyard.kit.tables import Query
from runyard.kit.values import BadQuery
from runyard.tenancy.access import projects_where
from runyard.tenancy.models import User
from workloads import actions, bulk, bulk_tasks, queries
from workloads.actions import Invalid
from workloads.models import Bulk, SubmittedThrough, Verb, Workload
from workloads.policies import Refused
from workloads.tables import WorkloadTable

MOST_ROWS, ROWS = 500, 50
_OF_THE_TABLE = ("q", "f", *WorkloadTable.filters, "sort")  # as in its address


class Workloads(APIView):
    """List (`sort`, `search`, `limit`, `after`, `count`, and the table's filters) and submit.

    Asked for text/csv, all rows in one file, with every column or those that `columns` names.
    """

    renderer_classes = (JSONRenderer, CsvRenderer)

    def get(self, request: Request) -> Response | StreamingHttpResponse:
        if request.accepted_renderer.format == CsvRenderer.format:
            return _csv(request)
        limit = asking.whole(request.query_params, "limit", ROWS, MOST_ROWS)
        query, rows = _asked(request, "limit", "after", "count")
        total = _total(request, rows)
        every = queries.visible_workloads(request.user)
        page = list(WorkloadTable.first(every, rows, query, limit + 1))
        following = WorkloadTable.cursor(page[limit - 1], query) if len(page) > limit else None
        shown = [shapes.workload(w) for w in page[:limit]]
        return Response({"workloads": shown, "next": following, **total})

    def post(self, request: Request) -> Response:
        body = bodies.submission(request.data)
        project = projects_where(request.user, "workload.create").filter(name=body.project).first()
        if project is None:
            raise Invalid({"project": "There is no such project, or you may not submit to it."})
        workload = actions.submit(
            _person(request), project, _cluster(body.cluster), body.spec(), SubmittedThrough.API
        )
        return Response(shapes.workload(workload), status=202)


class OneWorkload(APIView):
    """Read and delete."""

    def get(self, request: Request, pk: int) -> Response:
        asking.parameters(request)
        return Response(shapes.workload(asking.workload(request, pk)))

    def delete(self, request: Request, pk: int) -> Response:
        actions.delete(asking.workload(request, pk), _person(request))
        return Response(status=202)


class Act(APIView):
    """Stop or run."""

    def post(self, request: Request, pk: int, verb: str) -> Response:
        workload = asking.workload(request, pk)
        actions.VERBS[Verb(verb)](workload, _person(request))
        return Response(shapes.workload(asking.workload(request, pk)), status=202)


class Batch(APIView):
    """One verb for many; a result per workload, unknown and forbidden ones alike NotFound.

    More than a hundred are done in the background: 202, and where to ask how far it is.
    """

    def post(self, request: Request) -> Response:
        verb, choice = bodies.batch(request.data)
        try:
            ids = choice.named(request.user)
        except bulk.BadRequest as error:
            raise Invalid({"matching": str(error)}) from error
        if len(ids) <= bulk.AT_ONCE:
            outcome = actions.bulk(ids, verb, _person(request))
            failed = [failure.as_json() for failure in outcome.failed]
            return Response({"succeeded": outcome.succeeded, "failed": failed})
        begun = bulk_tasks.begin(_person(request), verb, ids)
        shape = shapes.bulk(begun)
        return Response(shape, status=202, headers={"Location": shape["url"]})


class OneBatch(APIView):
    """How far a batch in the background is, and what came of each."""

    def get(self, request: Request, bulk: int) -> Response:
        asking.parameters(request)
        return Response(shapes.bulk(_bulk(request, bulk)))


class EndBatch(APIView):
    """Do no more than what is being done now."""

    def post(self, request: Request, bulk: int) -> Response:
        found = _bulk(request, bulk)
        if not bulk_tasks.cancel(found):
            raise Refused("It has ended already.")
        return Response(shapes.bulk(_bulk(request, bulk)))


class Pods(APIView):
    def get(self, request: Request, pk: int) -> Response:
        asking.parameters(request)
        pods = queries.visible_pods(request.user, asking.workload(request, pk))
        return Response({"pods": [shapes.pod(pod) for pod in pods]})


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated is every view's default
    return request.user


def _bulk(request: Request, pk: int) -> Bulk:
    found = Bulk.objects.visible_to(request.user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such batch of yours.")
    return found


def _asked(request: Request, *besides: str) -> tuple[Query, QuerySet[Workload]]:
    """The query, and the rows it keeps, unsorted; refuses parameters that are none, nor of `besides`."""
    params = asking.parameters(request, *_OF_THE_TABLE, "search", *besides)
    asked = QueryDict(mutable=True)
    for name in (*_OF_THE_TABLE, "after"):
        asked.setlist(name, params.getlist(name))
    try:
        query = WorkloadTable.read(asked)
    except BadQuery as problem:
        raise ValidationError({"detail": str(problem)}) from problem
    rows = WorkloadTable.matching(request.user, query)
    if search := params.get("search"):
        rows = rows.filter(name__icontains=search.replace("\0", "")[:253])
    return query, rows


def _total(request: Request, rows: QuerySet[Workload]) -> dict[str, int | None]:
    """`count=exact`: how many match, whatever the page; null where counting them takes too long."""
    asked = request.query_params.get("count")
    if asked not in (None, "exact"):
        raise ValidationError({"detail": "count can only be exact."})
    return {"total": count_exactly(rows)} if asked else {}


def _csv(request: Request) -> StreamingHttpResponse:
    """Every row that the filters keep, as a download."""
    (query, rows), params = _asked(request, "columns"), request.query_params
    asked = params.get("columns") or "all"
    try:
        named = ",".join(WorkloadTable.columns) if asked == "all" else asked
        columns = Layout.read(WorkloadTable.columns, named).columns
    except BadQuery as problem:
        raise ValidationError({"detail": str(problem)}) from problem
    export = rows_export(WorkloadTable.sorted(rows, query), columns)
    return csv_response(export, "workloads", params.get("project") or "all")


def _cluster(name: str) -> Cluster:
    followed = Cluster.objects.followed()
    cluster = followed.filter(name=name).first() if name else followed.oldest()
    if cluster is None:
        names = ", ".join(followed.values_list("name", flat=True)) or "none yet"
        raise Invalid({"cluster": f"There is no such cluster to submit to; there is: {names}."})
    return cluster
