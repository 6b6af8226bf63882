"""What the log view asks for as it goes: lines by number, a search, the first error of any pod."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from runyard.tenancy.access import denial, may
from workloads import logs, merging
from workloads.models import Pod, Workload
from workloads.views.logs import ALL, container_of, pod_of
from workloads.views.workload import find, header

MOST_LINES, MOST_HITS = 20_000, 5_000
SEARCH_SECONDS = 1.0


@require_safe
def lines(request: HttpRequest, pk: int) -> JsonResponse:
    """`?first=` and `?count=` lines: {first, total, lines: [[time, text]], error}; fewer at a gap."""
    found = _asked(request, pk)
    if isinstance(found, JsonResponse):
        return found
    first, count = _number(request, "first", 0, 10**12), _number(request, "count", 500, MOST_LINES)
    if first is None or count is None:
        return _problem("“first” and “count” are numbers of lines.")
    page = logs.lines(*found, first, count, request.GET.get("previous") == "1")
    return JsonResponse({"first": page.first, "total": page.total, "lines": page.lines, "error": page.error})


@require_safe
def search(request: HttpRequest, pk: int) -> JsonResponse:
    """`?q=` (with `?regex=1` an expression) from line `?start=` on, for SEARCH_SECONDS.

    {numbers, searched_to, total, done, problem}: the lines that match; go on at searched_to until it is done.
    """
    found = _asked(request, pk)
    if isinstance(found, JsonResponse):
        return found
    pattern, start = request.GET.get("q", ""), _number(request, "start", 0, 10**12)
    if start is None:
        return _problem("“start” is the number of a line.")
    previous, regex = request.GET.get("previous") == "1", request.GET.get("regex") == "1"
    options: dict[str, Any] = {"regex": regex, "previous": previous, "start": start, "limit": MOST_HITS}
    hits = logs.search(*found, pattern, **options, seconds=SEARCH_SECONDS)
    total = hits.searched_to if hits.done else max(hits.searched_to, logs.lines(*found, 0, 0, previous).total)
    answer = {"numbers": hits.numbers, "searched_to": hits.searched_to, "done": hits.done}
    return JsonResponse(answer | {"total": total, "problem": hits.problem})


@require_safe
def first_error(request: HttpRequest, pk: int) -> HttpResponse:
    """Go to the first line of any pod that looks like an error; back with a word where there is none."""
    workload = find(request, pk)
    if not may(request.user, "read_logs", workload):
        return HttpResponse(denial("read_logs", workload), status=403, content_type="text/plain")
    container = request.GET.get("container", "")
    found = merging.first_error(header(request, workload, "logs")["pods"], container)
    page = reverse("workload-logs", args=[workload.pk])
    if found.part is None:
        query = {"pod": ALL, "note": "no-error" if found.whole else "no-error-yet"}
        return HttpResponseRedirect(f"{page}?{urlencode(query)}")
    part, line = found.part, str(found.line + 1)
    query = {"pod": str(part.pod.pk), "container": part.container, "line": line}
    return HttpResponseRedirect(f"{page}?{urlencode(query)}#L{line}")


def _asked(request: HttpRequest, pk: int) -> tuple[Pod, str] | JsonResponse:
    """The pod and container that are asked for, or the answer that there is none. Raises Http404."""
    workload: Workload = find(request, pk)
    if not may(request.user, "read_logs", workload):
        return _problem(denial("read_logs", workload), 403)
    pod = pod_of(request, header(request, workload, "logs")["pods"])
    return (pod, container_of(request, pod)) if pod else _problem("There is no pod yet, and so no log.", 409)


def _problem(words: str, status: int = 400) -> JsonResponse:
    empty = {"first": 0, "total": 0, "lines": [], "numbers": [], "searched_to": 0, "done": True}
    return JsonResponse(empty | {"error": words, "problem": words}, status=status)


def _number(request: HttpRequest, name: str, default: int, most: int) -> int | None:
    """A whole number from 0 to `most`; None for anything else."""
    text = request.GET.get(name, str(default))
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 13 else None
