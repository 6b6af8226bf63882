"""What the shell around every page shows: who, where, how fresh, which page, how full."""

from typing import Any

from django.db.models import QuerySet, Sum
from django.http import HttpRequest, QueryDict
from django.template.backends.utils import csrf_input

from runyard.clusters.models import Node
from runyard.kit.compiled import compiled
from runyard.sync.freshness import freshness
from runyard.tenancy.access import known_projects
from workloads.queries import all_by_phase
from workloads.status import Phase
from workloads.tables import WorkloadTable

_KEPT = ("q", "f", "sort", "columns", "widths", "view", *WorkloadTable.filters)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page; nothing for people who have not signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    match = request.resolver_match
    page = match.url_name if match else ""
    projects, phases = known_projects(request.user), all_by_phase(request.user)
    return {
        "csrf_input": csrf_input(request),  # of the sign-out form, and of each other: made once
        "user": request.user,
        "page": page,
        "projects": projects,
        "freshness": freshness(request.user),
        "filters": _filters(request) if page == "workloads" else QueryDict(mutable=True),
        "workload_count": sum(count for count, _ in phases.values()),
        "capacity": _capacity(phases) if projects or request.user.is_superuser else {},
    }


def _filters(request: HttpRequest) -> QueryDict:
    """The filters in the address, so that switching the project keeps the rest; a view is left behind."""
    kept = request.GET.copy()
    for name in [name for name in kept if name not in _KEPT or (name, kept[name]) == ("view", "all")]:
        kept.pop(name)
    return kept


def _capacity(phases: dict[str, tuple[int, int]]) -> dict[str, int]:
    """GPUs of all nodes, and thousandths of them that the viewer's running workloads hold."""
    gpus = next((sum for (sum,) in _ready_gpus()), 0)
    used = sum(phases.get(phase, (0, 0))[1] for phase in (Phase.RUNNING, Phase.DEGRADED))
    return {"gpus": gpus, "used": used} if gpus else {}


@compiled()
def _ready_gpus() -> QuerySet[Node, Any]:
    """Their number, in the one row of nodes that are ready; no row without one."""
    return Node.objects.filter(ready=True).values("ready").values_list(Sum("gpus"))
