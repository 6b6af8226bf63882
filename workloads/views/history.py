"""The event history of a workload: the page, its older parts, one fold spread out, and the file."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runyard.kit.csv import TRY_AGAIN_SECONDS, Busy, csv_response
from runyard.kit.values import BadQuery
from workloads import history
from workloads.history_csv import history_csv
from workloads.models import Workload
from workloads.views.workload import find, header

FILTERS = ("q", "type", "source", "pod", "from", "to")
PODS_OFFERED = 200  # the newest, in the choice of pods


@require_safe
def events(request: HttpRequest, pk: int) -> HttpResponse:
    """`q`, `type`, `source`, `pod`, `from` and `to` narrow it, `after` turns the page.

    What there is not is a 400 in words. `fold` spreads out one repeated event; `part=list` is the list alone.
    """
    workload = find(request, pk)
    try:
        _check(request, "fold", "part")
        context = _fold(request, workload) if "fold" in request.GET else _list(request, workload)
    except BadQuery as problem:
        context = {"problem": str(problem), "shown": history.HistoryPage(), "fold": None}
    status = 400 if context["problem"] else 200
    context |= {"workload": workload, "newest": not {"after", "fold"} & request.GET.keys()}
    context["filtered"] = any(request.GET.get(name) for name in FILTERS)
    if request.GET.get("part") == "list":
        return render(request, "workloads/history_list.html", context, status=status)
    context |= header(request, workload, "events") | _choices(request, workload)
    return render(request, "workloads/events.html", context, status=status)


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """All that the address of the page asks for, as CSV; 400 and 503 in words."""
    workload = find(request, pk)
    try:
        _check(request)
        wanted = history.read(request.GET, request.user, workload)
        return csv_response(history_csv(request.user, workload, wanted), "history", workload.name)
    except BadQuery as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain; charset=utf-8")
    except Busy as busy:
        headers = {"Retry-After": str(TRY_AGAIN_SECONDS)}
        return HttpResponse(str(busy), "text/plain; charset=utf-8", 503, headers=headers)


def _check(request: HttpRequest, *more: str) -> None:
    """Raises BadQuery for a parameter that nothing here reads: a typing error would show another history."""
    known = (*history.PARAMETERS, *more)
    if unknown := sorted(request.GET.keys() - set(known)):
        raise BadQuery(f"There is no parameter “{unknown[0][:40]}”; there is {', '.join(known)}.")


def _list(request: HttpRequest, workload: Workload) -> dict[str, Any]:
    wanted = history.read(request.GET, request.user, workload)
    return {"problem": "", "shown": history.page(request.user, workload, wanted), "fold": None}


def _fold(request: HttpRequest, workload: Workload) -> dict[str, Any]:
    asked = request.GET["fold"]
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise BadQuery("“fold” is the number of a repeated event, as its link has it.")
    happenings, count = history.folded(request.user, workload, int(asked))
    if not happenings:
        raise BadQuery("There is no such repeated event of this workload any more.")
    return {"problem": "", "shown": history.HistoryPage(happenings), "fold": history.counted(count)}


def _choices(request: HttpRequest, workload: Workload) -> dict[str, Any]:
    """What the filters offer; what is chosen is among it, however old it is."""
    chosen = {name: request.GET.get(name, "")[:253] for name in FILTERS}
    counts = history.counts(request.user, workload)
    sources = history.sources(request.user, workload)
    return {
        "chosen": chosen,
        "types": [(name, label, history.counted(counts[name])) for name, label in history.TYPES.items()],
        "total": history.counted(sum(counts.values())),
        "sources": sorted({*sources, chosen["source"]} - {""}),
        "pods_offered": PODS_OFFERED,
    }
