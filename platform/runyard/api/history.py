"""What happened to a workload and what was submitted, by the REST API: the lists and texts of the pages."""

from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runyard.api import asking, shapes
from runyard.api.rendering import CsvRenderer
from runyard.clusters.connection import ClusterError
from runyard.kit.csv import csv_response
from runyard.kit.values import BadQuery
from workloads import history
from workloads.history_csv import history_csv
from workloads.shown_manifests import DIFFERENCE, LIVE, TITLES, Shown, shown

MOST = 500


class Events(APIView):
    """What happened, newest first: `q`, `type`, `source`, `pod`, `limit`, `after`; all of it as text/csv."""

    renderer_classes = (JSONRenderer, CsvRenderer)

    def get(self, request: Request, pk: int) -> Response | StreamingHttpResponse:
        workload = asking.workload(request, pk)
        as_file = request.accepted_renderer.format == CsvRenderer.format
        params = asking.parameters(request, *history.PARAMETERS, *(() if as_file else ("limit",)))
        try:
            wanted = history.read(params, request.user, workload)
        except BadQuery as problem:
            raise ValidationError({"detail": str(problem)}) from problem
        if as_file:
            return csv_response(history_csv(request.user, workload, wanted), "history", workload.name)
        page = history.page(request.user, workload, wanted, asking.whole(params, "limit", 50, MOST))
        events = [shapes.happening(happening) for happening in page.happenings]
        return Response({"events": events, "next": page.after or None})


class YamlRenderer(CsvRenderer):
    """Makes `Accept: application/yaml` acceptable, likewise."""

    media_type, format = "application/yaml", "yaml"


class Yaml(APIView):
    """The manifest as text, secrets redacted: `of` is live, submitted or difference; `managed=1`."""

    renderer_classes = (JSONRenderer, YamlRenderer)

    def get(self, request: Request, pk: int) -> HttpResponse:
        workload, params = asking.workload(request, pk), asking.parameters(request, "of", "managed")
        of = params.get("of", LIVE)
        if of not in TITLES:
            raise ValidationError({"detail": f"of is one of {', '.join(TITLES)}."})
        return _text(shown(workload, of, managed=asking.flag(params, "managed")), of)


def _text(found: Shown, of: str) -> HttpResponse:
    """Lines of a difference begin with "+" (only live), "-" (only submitted), " " or "@" (some left out)."""
    if found.missing:
        raise NotFound(found.problem)
    if found.unanswered:
        raise ClusterError(found.problem)
    if of == DIFFERENCE:
        lines = "".join(f"{line.sign}{line.text}\n" for line in found.lines)
        return HttpResponse(lines, content_type="text/plain; charset=utf-8")
    return HttpResponse(found.text, content_type="application/yaml; charset=utf-8")
