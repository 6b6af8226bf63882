"""The REST API, version 1: the same queries and actions as the pages, for programs."""

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runyard.api import bodies, shapes
from runyard.api.rendering import CsvRenderer
from runyard.clusters.models import Cluster
from runyard.kit.counting import count_exactly
from runyard.kit.csv import csv_response, rows_export
from runyard.kit.layout import Layout
from runyard.kit.streaming import stream_response
from runyard.kit.tables import Query
from runyard.kit.values import BadQuery
from runyard.tenancy.access import projects_where, require
from runyard.tenancy.models import User
from workloads import actions, bulk, bulk_tasks, logs, queries
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
        limit = _whole(request, "limit", ROWS, MOST_ROWS)
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
        return Response(shapes.workload(_workload(request, pk)))

    def delete(self, request: Request, pk: int) -> Response:
        actions.delete(_workload(request, pk), _person(request))
        return Response(status=202)


class Act(APIView):
    """Stop or run."""

    def post(self, request: Request, pk: int, verb: str) -> Response:
        workload = _workload(request, pk)
        actions.VERBS[Verb(verb)](workload, _person(request))
        return Response(shapes.workload(_workload(request, pk)), status=202)


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
        pods = queries.visible_pods(request.user, _workload(request, pk))
        return Response({"pods": [shapes.pod(pod) for pod in pods]})


class Log(APIView):
    """The log of one container as text: `pod` (id), `container`, `previous`, `tail` (lines)."""

    def get(self, request: Request, pk: int) -> HttpResponse | StreamingHttpResponse:
        workload = _workload(request, pk)
        require(request.user, "read_logs", workload)
        pods = queries.visible_pods(request.user, workload)
        wanted = _whole(request, "pod", 0, 2**63 - 1)
        pod = pods.filter(pk=wanted).first() if wanted else pods.last()
        if pod is None:
            raise NotFound("There is no such pod, or none yet.")
        container = request.query_params.get("container") or pod.containers[0]["name"]
        if container not in {c["name"] for c in pod.containers}:
            raise ValidationError({"detail": "There is no such container."})
        previous, lines = request.query_params.get("previous") == "true", _whole(request, "tail", 0, 100_000)
        if lines:
            page = logs.tail(pod, container, lines, previous=previous)
            if page.error:
                raise NotFound(page.error)
            body = "".join(f"{text}\n" for _, text in page.lines)
            return HttpResponse(body, content_type="text/plain; charset=utf-8")
        return stream_response(logs.whole(pod, container, previous=previous), "text/plain; charset=utf-8")


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated is every view's default
    return request.user


def _workload(request: Request, pk: int) -> Workload:
    try:
        return queries.get_workload(request.user, pk)
    except Workload.DoesNotExist as error:
        raise Http404 from error


def _bulk(request: Request, pk: int) -> Bulk:
    found = Bulk.objects.visible_to(request.user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such batch of yours.")
    return found


def _asked(request: Request, *besides: str) -> tuple[Query, QuerySet[Workload]]:
    """The query, and the rows it keeps, unsorted; refuses parameters that are none, nor of `besides`."""
    params, asked = request.query_params, QueryDict(mutable=True)
    known = (*_OF_THE_TABLE, "search", *besides)
    if unknown := set(params) - {*known}:
        words = f"Unknown parameter {min(unknown)!r}; there are {', '.join(known)}."
        raise ValidationError({"detail": words})
    for name in (*_OF_THE_TABLE, "after"):
        asked.setlist(name, params.getlist(name))
    try:
        query = WorkloadTable.read(asked)
    except BadQuery as problem:
        raise ValidationError({"detail": str(problem)}) from problem
    rows = WorkloadTable.matching(request.user, query)
    if "search" in params:
        rows = rows.filter(name__icontains=params["search"].replace("\0", "")[:253])
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


def _whole(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query string, 1 to `most`; `default` when absent."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= most):
        raise ValidationError({"detail": f"{name} is a whole number from 1 to {most}."})
    return int(text)
