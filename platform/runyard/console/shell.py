"""What the shell around every page shows: who, where, how fresh, which page, how full."""

from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, QueryDict

from runyard.clusters.models import Node
from runyard.sync.freshness import freshness
from workloads.queries import visible_projects, visible_workloads
from workloads.status import Phase
from workloads.tables import WorkloadTable

_KEPT = ("q", "f", "sort", "columns", *WorkloadTable.filters)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page; nothing for people who have not signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    match = request.resolver_match
    page = match.url_name if match else ""
    return {
        "user": request.user,
        "page": page,
        "projects": list(visible_projects(request.user)),
        "freshness": freshness(request.user),
        "filters": _filters(request) if page == "workloads" else QueryDict(mutable=True),
        "workload_count": visible_workloads(request.user).count(),
        "capacity": _capacity(request.user),
    }


def _filters(request: HttpRequest) -> QueryDict:
    """The filters in the address, so that switching the project keeps the rest."""
    kept = request.GET.copy()
    for name in [name for name in kept if name not in _KEPT]:
        kept.pop(name)
    return kept


def _capacity(user: Any) -> dict[str, int]:
    """GPUs of all nodes, and thousandths of them that the viewer's running workloads hold."""
    gpus = Node.objects.filter(ready=True).aggregate(sum=Sum("gpus"))["sum"] or 0
    if not gpus or not (user.is_superuser or visible_projects(user).exists()):
        return {}
    running = visible_workloads(user).filter(phase__in=[Phase.RUNNING, Phase.DEGRADED])
    return {"gpus": gpus, "used": running.aggregate(sum=Sum("gpu_millis"))["sum"] or 0}
