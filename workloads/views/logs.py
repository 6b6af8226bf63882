"""Logs of a workload's pods: the page with the last lines or those around a place, and the download."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from runyard.clusters.connection import ClusterError
from runyard.kit.streaming import stream_response
from runyard.tenancy.access import denial, may
from workloads import log_limits, log_text, log_zip, logs, merging, silence
from workloads.log_limits import Limits
from workloads.models import Pod, Workload
from workloads.views.workload import find, header, latest

LINES, FEW_LINES = 500, 100
ALL = "all"
NOTES = {
    "no-error": "No line of any pod looks like an error.",
    "no-error-yet": "No line that was read looks like an error; there was no time to read all of them.",
}
BEYOND = "This log does not reach to the place in the address: here is its end."


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The last lines of one container (`?pod=`, `?container=`, `?previous=1`) or of all pods (`?pod=all`).

    `?line=` (from 1) or `?at=` (a time) shows those around it, `?hit=POD:LINE` of all pods those around that
    line of one; `?part=log`: the log alone, for the overview.
    """
    workload = find(request, pk)
    context = header(request, workload, "logs")
    part = request.GET.get("part") == "log"
    context |= {"part": part, "shown": log_text.shown, "note": NOTES.get(request.GET.get("note", ""), "")}
    place = Place(request)
    context |= {"problem": place.problem, "merged": None, "place": None, "silence": None, "kept": ""}
    limits = log_limits.limits_of(workload.project)
    context |= {"limits": limits, "may_limit": may(request.user, log_limits.VERB, workload.project)}
    if not may(request.user, "read_logs", workload):
        said = silence.Silence(denial("read_logs", workload))
        context |= {"pod": None, "container": "", "previous": False, "log": logs.LogPage(), "silence": said}
    elif request.GET.get("pod") == ALL and not part:
        context |= _merged(request, workload, context["pods"], place)
    else:
        context |= _log(request, workload, context["pods"], place, FEW_LINES if part else LINES, limits)
    template = "workloads/log.html" if part else "workloads/logs.html"
    return render(request, template, context, status=400 if place.problem else 200)


class Place:
    """Where the URL asks to go: `line` (from 0), `at`, or line `hit` of a pod; `problem`: why nowhere."""

    def __init__(self, request: HttpRequest) -> None:
        self.line: int | None = None
        self.at: datetime | None = None
        self.hit: tuple[int, int] | None = None
        self.problem = ""
        line, at, hit = (request.GET.get(name, "") for name in ("line", "at", "hit"))
        if _number(line):
            self.line = max(0, int(line) - 1)
        elif line:
            self.problem = "“line” is the number of a line, such as 1200."
        elif at:
            self.at = moment(at)
            self.problem = "" if self.at else "“at” is a time, such as 2026-01-31T14:05:00Z."
        elif hit:
            pod, _, number = hit.partition(":")
            self.hit = (int(pod), max(0, int(number) - 1)) if _number(pod) and _number(number) else None
            self.problem = "" if self.hit else "“hit” is a pod and one of its lines, such as 17:1200."

    def spot(self, pods: list[Pod], container: str) -> merging.Spot | None:
        """Where that is among `pods`; None for nowhere. Raises Http404 for a pod that is none of them."""
        if self.at is not None:
            return merging.Spot(self.at)
        if self.hit is None:
            return None
        pod = next((one for one in pods if one.pk == self.hit[0]), None)
        if pod is None:
            raise Http404("This workload has no such pod.")
        return merging.spot_of(pod, container, self.hit[1])


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 13


def moment(text: str) -> datetime | None:
    """An ISO 8601 time, taken as UTC where it names no zone; None for anything else."""
    try:
        found = parse_datetime(text[:40].replace(" ", "+") if "+" not in text and "T" in text else text[:40])
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _log(
    request: HttpRequest, workload: Workload, pods: list[Pod], place: Place, count: int, limits: Limits
) -> dict[str, Any]:
    previous, pod = request.GET.get("previous") == "1", pod_of(request, pods)
    container = container_of(request, pod)
    context: dict[str, Any] = {"pod": pod, "container": container, "previous": previous}
    if pod is None:
        return context | {"log": logs.LogPage(), "silence": silence.of_workload(workload)}
    line = place.line
    if place.at is not None:
        line = logs.line_at(pod, container, place.at, previous)
    if line is None:
        found = logs.tail(pod, container, count, previous=previous)
    else:
        found = logs.lines(pod, container, max(0, line - count // 2), count, previous)
        if line >= found.total and not found.error:
            words = found.unread or BEYOND
            found, line = logs.tail(pod, container, count, previous=previous), None
            context["note"] = words if found.lines else ""
    said = silence.of_container(
        pod, container, previous=previous, error=found.error, total=found.total, days=limits.days
    )
    query, end = _query(pod, container, previous), found.first + len(found.lines)
    return context | {
        "log": found,
        "place": line,
        "silence": None if found.lines else said,
        "here": query,
        "kept": _kept(found, pod, limits.days),
        "lines_url": f"{reverse('workload-log-lines', args=[workload.pk])}?{query}",
        "search_url": f"{reverse('workload-log-search', args=[workload.pk])}?{query}",
        "earlier": max(1, found.first - count // 2 + 1) if found.first else 0,
        "later": min(end + count // 2, found.total) if line is not None and end < found.total else 0,
    }


def _kept(found: logs.LogPage, pod: Pod, days: int) -> str:
    """What is said at the end of a log: what lacks there, and until when it can be read."""
    until = silence.kept_until(pod, days) if found.lines else ""
    return " ".join(filter(None, (found.notes.get(found.total), until)))


def _query(pod: Pod, container: str, previous: bool = False) -> str:
    return urlencode({"pod": str(pod.pk), "container": container} | ({"previous": "1"} if previous else {}))


def _merged(request: HttpRequest, workload: Workload, pods: list[Pod], place: Place) -> dict[str, Any]:
    container = request.GET.get("container", "")
    spot = place.spot(pods, container)
    found = merging.around(pods, container, spot) if spot else merging.ends(pods, container)
    row = _row_of(found, spot) if spot else None
    beyond = bool(spot and found.lines and row is None)
    if beyond:
        found = merging.ends(pods, container)
    live = row is None and len(pods) <= merging.LIVE_PODS
    here = urlencode({"pod": ALL} | ({"container": container} if container else {}))
    said = (
        silence.of_workload(workload)
        if not pods
        else silence.Silence("No pod has written anything yet.", "events")
    )
    return {
        "pod": None,
        "container": container,
        "previous": False,
        "log": logs.LogPage(),
        "merged": found,
        "merged_pods": [_shown(part, workload, live) for part in found.parts],
        "merged_live": live,
        "merged_url": f"{reverse('workload-log-merged', args=[workload.pk])}?{here}",
        "search_url": f"{reverse('workload-log-search', args=[workload.pk])}?{here}",
        "most_live": merging.LIVE_PODS,
        "place": row,
        "silence": None if found.lines else said,
        "here": here,
    } | ({"note": BEYOND} if beyond else {})


def _shown(part: merging.Part, workload: Workload, live: bool) -> dict[str, Any]:
    """A pod of a merged log, for scripts."""
    return {
        "id": part.pod.pk,
        "topic": f"log:{part.pod.pk}/{part.container}" if live else "",
        "page": f"{reverse('workload-logs', args=[workload.pk])}?{_query(part.pod, part.container)}",
        "label": part.label,
        "name": part.pod.name,
        "place": part.place,
        "first": part.first,
        "total": part.total,
        "more": part.more,
        "notes": part.notes,
    }


def _row_of(found: merging.Merged, spot: merging.Spot) -> int | None:
    """The row of that line; that of the first one not before the moment, where it is about no line.

    None where all of it is before.
    """
    for row, (part, number, time, _) in enumerate(found.lines):
        if part.pod.pk == spot.pod and number == spot.number:
            return row
        if not spot.pod and (at := logs.moment(time)) and at >= spot.at:
            return row
    return None


def pod_of(request: HttpRequest, pods: list[Pod]) -> Pod | None:
    """The pod named in the URL by its row's id. Raises Http404 for one that is not this workload's."""
    wanted = request.GET.get("pod", "")
    if not wanted:
        return latest(pods)
    found = next((pod for pod in pods if str(pod.pk) == wanted), None)
    if found is None:
        raise Http404("This workload has no such pod.")
    return found


def container_of(request: HttpRequest, pod: Pod | None) -> str:
    """The container named in the URL, else the pod's first. Raises Http404 for one that it has not."""
    wanted, names = request.GET.get("container", ""), [one["name"] for one in pod.containers] if pod else []
    if wanted and wanted not in names:
        raise Http404("This pod has no such container.")
    return wanted or next(iter(names), "main")


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """The whole log as a text file, or with `?pod=all` those of all pods as a zip, streamed.

    409 with words when it cannot be had, or nothing was written.
    """
    workload = find(request, pk)
    if not may(request.user, "read_logs", workload):
        return HttpResponse(denial("read_logs", workload), status=403, content_type="text/plain")
    pods = header(request, workload, "logs")["pods"]
    times = request.GET.get("timestamps") == "1"
    if request.GET.get("pod") == ALL and pods:
        return stream_response(
            log_zip.pack(pods, timestamps=times), "application/zip", f"{workload.name}-logs.zip"
        )
    pod = None if request.GET.get("pod") == ALL else pod_of(request, pods)
    if pod is None:
        return HttpResponse(silence.NO_POD, status=409, content_type="text/plain")
    container, previous = container_of(request, pod), request.GET.get("previous") == "1"
    try:
        chunks = logs.whole(pod, container, previous=previous, timestamps=times)
        first = next(filter(None, chunks), b"")
    except ClusterError as error:
        return HttpResponse(logs.unavailable(error), status=409, content_type="text/plain")
    if not first:
        said = silence.of_container(pod, container, previous=previous).words
        return HttpResponse(said, status=409, content_type="text/plain; charset=utf-8")
    return stream_response(_all(first, chunks), "text/plain; charset=utf-8", f"{pod.name}-{container}.log")


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
