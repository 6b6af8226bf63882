"""The table of workloads: its columns, filters and order. Drawn by templates/workloads/cells.html."""

from dataclasses import dataclass

from django.db.models import Value
from django.db.models.functions import Coalesce, Concat, NullIf, Trim

from runyard.kit.columns import Choice, Instant, Number, Text
from runyard.kit.tables import Filter, Table
from workloads import queries
from workloads.status import Phase

_FULL_NAME = NullIf(Trim(Concat("created_by__first_name", Value(" "), "created_by__last_name")), Value(""))


class WorkloadTable(Table):
    """Every workload the viewer may see, one row each."""

    rows = queries.visible_workloads
    default_sort = "-created"
    searched = "search_text"
    # What the actions of a row depend on, and what tells one state of a row from another.
    always = (
        "version",
        "desired",
        "deleted_at",
        "terminating_at",
        "namespace",
        "cluster_id",
        "project__department_id",
    )
    filters = {
        "phase": Filter("status", "phase", tuple(Phase.values)),
        "project": Filter("project", "project__name"),
        "cluster": Filter("cluster", "cluster__name"),
    }

    name = Text(label="Name", width=182)
    status = Choice(
        label="Status",
        of="phase",
        choices=Phase,
        needs=("phase", "reason", "message", "phase_at"),
        width=246,
        detail=True,
    )
    kind = Text(label="Kind", width=92)
    project = Text(label="Project", of="project__name", width=96, detail=True)
    created_by = Text(
        label="Created by",
        of=Coalesce(_FULL_NAME, "created_by__username", Value("")),
        needs=("created_by__first_name", "created_by__last_name", "created_by__username"),
        width=96,
        detail=True,
    )
    gpus = Number(label="GPUs", of="gpu_millis", width=52)
    cpu = Number(label="CPU", of="cpu_millis", width=48)
    memory = Number(label="Memory", of="memory_bytes", width=74)
    pods = Number(label="Pods", of="pods_requested", needs=("pods_running", "pods_requested"), width=54)
    nodes = Text(label="Nodes", of="nodes", sortable=False, width=100, detail=True)
    created = Instant(label="Age", of="created_at", width=80)


@dataclass(frozen=True, slots=True)
class Group:
    """Phases that one tile over the table counts together; `mark` names the phase whose shape it wears."""

    label: str
    mark: Phase
    phases: tuple[Phase, ...]
    holds_gpus: bool = False


TALLY = (
    Group("Running", Phase.RUNNING, (Phase.RUNNING,), holds_gpus=True),
    Group("Pending", Phase.PENDING, (Phase.PENDING,), holds_gpus=True),
    Group(
        "Starting",
        Phase.INITIALIZING,
        (Phase.CREATING, Phase.INITIALIZING, Phase.RESUMING),
        holds_gpus=True,
    ),
    Group("Degraded", Phase.DEGRADED, (Phase.DEGRADED,)),
    Group("Failed", Phase.FAILED, (Phase.FAILED,)),
    Group("Stopped", Phase.STOPPED, (Phase.STOPPING, Phase.STOPPED)),
    Group("Completed", Phase.COMPLETED, (Phase.COMPLETED,)),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: how many, the GPUs (thousandths) they ask for, whether the table shows these alone."""

    group: Group
    count: int
    gpu_millis: int
    chosen: bool

    @classmethod
    def of(cls, group: Group, by_phase: dict[str, tuple[int, int]], chosen: list[str]) -> "Tile":
        found = [by_phase.get(phase, (0, 0)) for phase in group.phases]
        gpus = sum(gpu_millis for _, gpu_millis in found) if group.holds_gpus else 0
        return cls(group, sum(count for count, _ in found), gpus, set(chosen) == set(group.phases))
