"""The Metrics tab of a workload: its page, and its charts as JSON; what tables draw small.

Absent and forbidden are the same 404.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from metrics import sparks
from metrics.charts import CHARTS
from metrics.question import BadQuestion, NoSuchPod, pods_named
from metrics.reading import series
from metrics.span import span_of
from metrics.telling import json_answer, told
from workloads import queries
from workloads.models import Pod, Workload
from workloads.views.workload import find, header

POINTS, PODS_OFFERED, MOST_DRAWN = 500, 200, 200
#: The charts that every page has come first, the others by a request of their own.
PARTS = {"first": True, "more": False}
#: Scripts of the page that others import, by the names under which they do: those carry no digest.
MODULES = tuple(f"{settings.STATIC_URL}js/{name}.js" for name in ("charts", "chart", "plotly", "announcer"))
#: What a chart needs besides its own metrics.
BESIDE = {"gpu_memory": ("gpu_memory_free", "gpu_memory_reserved")}


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """`from`, `to`, `pod` (the id of one) and `gpu` (a UUID) choose; nonsense is a 400 in words, and a pod of
    another workload a 404."""
    workload = find(request, pk)
    context = header(request, workload, "metrics")
    status = 200
    context |= {"problem": "", "span": None, "pod": None, "pods_offered": PODS_OFFERED, "modules": MODULES}
    context["asks_gpu"] = bool(workload.gpu_millis or workload.gpu_memory_bytes)
    context["charts"] = [
        chart for chart in CHARTS if chart.first and (context["asks_gpu"] or not chart.of_gpu)
    ]
    try:
        context["span"] = span_of(request.GET, workload, context["pods"])
        context["pod"] = _chosen(request, context["pods"])
    except BadQuestion as problem:
        context["problem"], status = str(problem), _status(problem)
    return render(request, "metrics/workload.html", context, status=status)


@gzip_page
@require_safe
def figures(request: HttpRequest, pk: int) -> HttpResponse:
    """The charts of the page's address: with `part=first` those of every page, with `more` the others."""
    workload = find(request, pk)
    pods = list(queries.visible_pods(request.user, workload))
    try:
        return json_answer(_figures(request, workload, pods))
    except BadQuestion as problem:
        return json_answer({"problem": str(problem)}, _status(problem))


@require_safe
def drawn(request: HttpRequest, pk: int) -> HttpResponse:
    """Sparklines of the pods with the ids in `of`, for the table of pods; 400 in words for what is no id."""
    workload = find(request, pk)
    return spark_answer(request, lambda ids: sparks.of_pods(request.user, workload, ids))


def spark_answer(request: HttpRequest, draw: Callable[[list[int]], sparks.Drawn]) -> HttpResponse:
    """What `draw` makes of the ids in `of`, as a fragment in which scripts find each by its name."""
    try:
        found = draw(ids_of(request))
    except BadQuestion as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain; charset=utf-8")
    answer = render(request, "metrics/sparks.html", {"drawn": found})
    answer["Cache-Control"] = "no-store"
    return answer


def ids_of(request: HttpRequest) -> list[int]:
    """Those in `of`, with commas. Raises BadQuestion."""
    texts = [text for text in request.GET.get("of", "").split(",") if text]
    if len(texts) > MOST_DRAWN:
        raise BadQuestion(f"At most {MOST_DRAWN} are drawn at once.")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise BadQuestion("of names ids, with commas between them.")
    return [int(text) for text in texts]


def _figures(request: HttpRequest, workload: Workload, pods: list[Pod]) -> dict[str, Any]:
    part = request.GET.get("part", "first")
    if part not in PARTS:
        raise BadQuestion(f"There is no part “{part[:40]}”; there is {' and '.join(PARTS)}.")
    span, pod = span_of(request.GET, workload, pods), _chosen(request, pods)
    chosen, gpu = [pod] if pod else pods, request.GET.get("gpu", "")[:80]
    charts = [chart for chart in CHARTS if chart.first is PARTS[part]]
    found = series(
        request.user,
        workload,
        [key for chart in charts for name in chart.metrics for key in (name, *BESIDE.get(name, ()))],
        span.start,
        span.end,
        POINTS,
        [pod.pk for pod in chosen],
        [gpu] if gpu else None,
    )
    return told(charts, found, chosen, span)


def _chosen(request: HttpRequest, pods: list[Pod]) -> Pod | None:
    """The pod that the address names by its row's id; None for all. Raises BadQuestion."""
    wanted = request.GET.get("pod", "")
    return pods_named(pods, [wanted])[0] if wanted else None


def _status(problem: BadQuestion) -> int:
    return 404 if isinstance(problem, NoSuchPod) else 400
