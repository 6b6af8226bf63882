"""What the log view asks for as it goes: lines by number, a search, the first error of any pod.

Of one pod, or with `?pod=all` of all of them as one.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from runyard.tenancy.access import denial, may
from workloads import logs, merged_search, merging, queries
from workloads.models import Pod, Workload
from workloads.views.logs import ALL, Place, container_of, pod_of
from workloads.views.workload import find

MOST_LINES, MOST_HITS = 20_000, 5_000
SEARCH_SECONDS = 1.0
_PLACES = "A place is the number of a line for each pod, such as 17:1200,18:950."


@require_safe
def lines(request: HttpRequest, pk: int) -> JsonResponse:
    """`?first=` and `?count=` lines: {first, total, lines: [[time, text]], notes, error}; fewer at a gap.

    `notes` say what is missing before a line, by its number.
    """
    found = _asked(request, pk)
    if isinstance(found, JsonResponse):
        return found
    first, count = _number(request, "first", 0, 10**12), _number(request, "count", 500, MOST_LINES)
    if first is None or count is None:
        return _problem("“first” and “count” are numbers of lines.")
    page = logs.lines(*found, first, count, request.GET.get("previous") == "1")
    told = {name: getattr(page, name) for name in ("first", "total", "lines", "notes", "error")}
    return JsonResponse(told)


@require_safe
def search(request: HttpRequest, pk: int) -> JsonResponse:
    """`?q=` (with `?regex=1` an expression) from line `?start=` on, for SEARCH_SECONDS.

    {numbers, searched_to, total, done, problem}: the lines that match; go on at searched_to until it is done.
    With `?pod=all` from `?from=` on (`POD:LINE,…`), {pods: [the same of each, with its id as pod and times]};
    pods that there was no time for are not in it.
    """
    if request.GET.get("pod") == ALL:
        return _of_all(request, pk, _search_all)
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


def _search_all(request: HttpRequest, pods: list[Pod]) -> JsonResponse:
    starts = _places(request.GET.get("from", ""), pods)
    if starts is None:
        return _problem(_PLACES)
    found = merged_search.search(
        pods,
        request.GET.get("container", ""),
        starts,
        request.GET.get("q", ""),
        regex=request.GET.get("regex") == "1",
        seconds=SEARCH_SECONDS,
        most=MOST_HITS,
    )
    told = [{"pod": one.part.pod.pk, "total": one.total, **vars(one.hits)} for one in found]
    return JsonResponse({"pods": told, "problem": ""})


@require_safe
def stretch(request: HttpRequest, pk: int) -> JsonResponse:
    """A stretch of all pods' logs merged: around `?at=` or `?hit=POD:LINE`, or next to a place.

    It ends at the place `?before=`, or begins at `?after=`: `POD:LINE,…`, lines from 0.
    {pods: [{pod, first, total, more, error}], lines: [[pod, line, time, text]]}
    """
    return _of_all(request, pk, _stretch)


def _stretch(request: HttpRequest, pods: list[Pod]) -> JsonResponse:
    container, before, after = (request.GET.get(name, "") for name in ("container", "before", "after"))
    if before or after:
        places = _places(before or after, pods)
        if places is None:
            return _problem(_PLACES)
        read = merging.before if before else merging.after
        return _told(read(pods, container, places))
    spot = Place(request).spot(pods, container)
    if spot is None:
        return _problem("Say where: “at” is a time, “hit” a pod and one of its lines, such as 17:1200.")
    return _told(merging.around(pods, container, spot))


def _told(found: merging.Merged) -> JsonResponse:
    names = ("first", "total", "more", "notes", "error")
    pods = [{"pod": part.pod.pk} | {name: getattr(part, name) for name in names} for part in found.parts]
    lines = [[part.pod.pk, *line] for part, *line in found.lines]
    return JsonResponse({"pods": pods, "lines": lines, "problem": ""})


def _of_all(
    request: HttpRequest, pk: int, answer: Callable[[HttpRequest, list[Pod]], JsonResponse]
) -> JsonResponse:
    """What `answer` says of all the workload's pods, to those who may read their logs. Raises Http404."""
    workload = find(request, pk)
    if not may(request.user, "read_logs", workload):
        return _problem(denial("read_logs", workload), 403)
    return answer(request, _pods(request, workload))


def _pods(request: HttpRequest, workload: Workload) -> list[Pod]:
    return list(queries.visible_pods(request.user, workload).select_related("cluster"))


def _places(text: str, pods: list[Pod]) -> dict[int, int] | None:
    """`POD:LINE,…` as numbers, of pods that there are; None for anything else."""
    there, found = {pod.pk for pod in pods}, dict[int, int]()
    for pair in text[:4000].split(","):
        pod, _, line = pair.partition(":")
        if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (pod, line)):
            return None
        if int(pod) in there:
            found[int(pod)] = int(line)
    return found


@require_safe
def first_error(request: HttpRequest, pk: int) -> HttpResponse:
    """Go to the first line of any pod that looks like an error; back with a word where there is none."""
    workload = find(request, pk)
    if not may(request.user, "read_logs", workload):
        return HttpResponse(denial("read_logs", workload), status=403, content_type="text/plain")
    container = request.GET.get("container", "")
    found = merged_search.first_error(_pods(request, workload), container)
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
    pod = pod_of(request, _pods(request, workload))
    return (pod, container_of(request, pod)) if pod else _problem("There is no pod yet, and so no log.", 409)


def _problem(words: str, status: int = 400) -> JsonResponse:
    empty = {"first": 0, "total": 0, "lines": [], "numbers": [], "pods": [], "searched_to": 0, "done": True}
    return JsonResponse(empty | {"error": words, "problem": words}, status=status)


def _number(request: HttpRequest, name: str, default: int, most: int) -> int | None:
    """A whole number from 0 to `most`; None for anything else."""
    text = request.GET.get(name, str(default))
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 13 else None
