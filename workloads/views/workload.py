"""The page of one workload: header and overview. Absent and forbidden are the same 404."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runyard.tenancy.access import may
from workloads import history, queries, silence, timeline, tool_states
from workloads.availability import Availability
from workloads.models import Pod, Workload
from workloads.queueing.place import place as place_in_queue
from workloads.status import Phase
from workloads.waiting.sources import why

SHOWN = 10


def find(request: HttpRequest, pk: int) -> Workload:
    """The workload, deleted ones too. Raises Http404 alike for absent and forbidden."""
    try:
        return queries.get_workload(request.user, pk)
    except Workload.DoesNotExist:
        raise Http404("There is no such workload, or you may not see it.") from None


def header(request: HttpRequest, workload: Workload, tab: str) -> dict[str, Any]:
    """What the top of each of the workload's pages shows."""
    pods = list(queries.visible_pods(request.user, workload))
    availability = Availability(request.user)
    return {
        "workload": workload,
        "tab": tab,
        "why_not": availability.why_not(workload),
        "tools": tool_states.shown(workload),
        "connect_refused": availability.connect(workload),
        "gpu_products": queries.gpu_products(workload),
        "lasting": timeline.in_phase(workload),
        "pods": pods,
        "event_count": history.total(request.user, workload),
        "span_kept": _span_kept(request),
    }


def _span_kept(request: HttpRequest) -> dict[str, dict[str, str]]:
    """What the tabs that have times keep of the address: its range, and in the log the beginning of it."""
    kept = {
        name: request.GET[name][:40] for name in ("from", "to") if request.GET.get(name, "start") != "start"
    }
    at = {"at": kept["from"]} if "T" in kept.get("from", "") else {}
    return {"events": kept, "metrics": kept, "logs": at | kept}


def latest(pods: list[Pod]) -> Pod | None:
    """The pod whose log is shown first: the newest that is still there, else the newest."""
    return max(pods, key=lambda pod: (pod.gone_at is None, pod.created_at, pod.pk), default=None)


@require_safe
def overview(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the time went, what happened, the end of the log, what was submitted."""
    workload = find(request, pk)
    context = header(request, workload, "overview")
    context |= {
        "line": timeline.time_line(request.user, workload, context["pods"]),
        "happened": history.latest(request.user, workload, SHOWN),
        "explained": why(request.user, workload, context["pods"]),
        "pod": latest(context["pods"]),
        "no_log": silence.of_workload(workload),
        "may_read_logs": may(request.user, "read_logs", workload),
    }
    return render(request, "workloads/overview.html", context)


@require_safe
def place(request: HttpRequest, pk: int) -> HttpResponse:
    """How many are before it in its queue, a fragment of the overview: its cluster is asked, which may take
    a moment."""
    workload = find(request, pk)
    words = place_in_queue(workload) if workload.phase == Phase.PENDING and not workload.deleted_at else ""
    return render(request, "workloads/place.html", {"words": words})
