"""Logs of a workload's pods: the page with the last lines, and the download of all."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runyard.clusters.connection import ClusterError
from runyard.kit.streaming import stream_response
from runyard.tenancy.access import denial, may
from workloads import log_text, logs
from workloads.models import Pod, Workload
from workloads.views.workload import find, header, latest

LINES, FEW_LINES, MOST_LINES = 500, 100, 20_000


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The last `?lines=` of one container; `?part=log` answers the log alone, for the overview."""
    workload = find(request, pk)
    context = header(request, workload, "logs")
    part = request.GET.get("part") == "log"
    context |= _log(
        request, workload, context["pods"], FEW_LINES if part else _count(request.GET.get("lines", ""))
    )
    return render(request, "workloads/log.html" if part else "workloads/logs.html", context | {"part": part})


def _log(request: HttpRequest, workload: Workload, pods: list[Pod], count: int) -> dict[str, Any]:
    previous = request.GET.get("previous") == "1"
    if not may(request.user, "read_logs", workload):
        problem = denial("read_logs", workload)
        return {
            "pod": None,
            "container": "",
            "previous": False,
            "log": logs.LogPage(error=problem),
            "plain": str,
            "more_lines": 0,
        }
    pod = _pod(pods, request.GET.get("pod", ""))
    container = _container(pod, request.GET.get("container", ""))
    found = logs.tail(pod, container, count, previous=previous) if pod else logs.LogPage(error=NO_POD)
    return {
        "pod": pod,
        "container": container,
        "previous": previous,
        "log": found,
        "plain": log_text.plain,
        "more_lines": MOST_LINES if count < MOST_LINES else 0,
    }


def _count(text: str) -> int:
    """How many lines to show: LINES, or more where the URL asks for it."""
    return (
        max(LINES, min(int(text), MOST_LINES))
        if text.isascii() and text.isdigit() and len(text) < 9
        else LINES
    )


NO_POD = "There is no pod yet, and so no log. It appears here by itself when the first pod starts."


def _pod(pods: list[Pod], wanted: str) -> Pod | None:
    """The pod named in the URL by its row's id. Raises Http404 for one that is not this workload's."""
    if not wanted:
        return latest(pods)
    found = next((pod for pod in pods if str(pod.pk) == wanted), None)
    if found is None:
        raise Http404("This workload has no such pod.")
    return found


def _container(pod: Pod | None, wanted: str) -> str:
    names = [found["name"] for found in pod.containers] if pod else []
    if wanted and wanted not in names:
        raise Http404("This pod has no such container.")
    return wanted or next(iter(names), "main")


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """The whole log as a text file, streamed; 409 with words when the cluster does not give it."""
    workload = find(request, pk)
    if not may(request.user, "read_logs", workload):
        return HttpResponse(denial("read_logs", workload), status=403, content_type="text/plain")
    pod = _pod(header(request, workload, "logs")["pods"], request.GET.get("pod", ""))
    if pod is None:
        return HttpResponse(NO_POD, status=409, content_type="text/plain")
    container = _container(pod, request.GET.get("container", ""))
    previous, times = request.GET.get("previous") == "1", request.GET.get("timestamps") == "1"
    try:
        chunks = logs.whole(pod, container, previous=previous, timestamps=times)
    except ClusterError as error:
        return HttpResponse(logs.unavailable(error), status=409, content_type="text/plain")
    return stream_response(chunks, "text/plain; charset=utf-8", f"{pod.name}-{container}.log")
