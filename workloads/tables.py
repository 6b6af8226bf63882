"""The table of workloads: its columns, filters and order. `workloads.cells` draws what is special."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, F, Func, Q, TextField, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Concat, NullIf, Trim

from runyard.kit.columns import Age, Choice, Instant, Lasting, Left, Number, Text, Words
from runyard.kit.tables import Filter, Table
from workloads import cells, queries, usage_cells
from workloads.kinds import KINDS
from workloads.kinds.kind import Architecture, Category
from workloads.models import Preemptible, SearchText, SubmittedThrough, Workload
from workloads.status import Phase, Reason

_FULL_NAME = NullIf(Trim(Concat("created_by__first_name", Value(" "), "created_by__last_name")), Value(""))

# `Workload.why`, for a file.
_WHY = Case(
    When(~Q(message=""), then="message"),
    *(When(reason=r, then=Value(str(r.label))) for r in Reason if r not in (Reason.NONE, Reason.SUSPENDED)),
    default=Value(""),
    output_field=TextField(),
)
_CATEGORY = Case(
    *(When(kind=kind.name, then=Value(kind.category.value)) for kind in KINDS.values()),
    default=Value(""),
    output_field=TextField(),
)

_TOOL_NAMES = Func(
    F("tools"),
    template="array_to_string(ARRAY(SELECT jsonb_path_query(%(expressions)s, '$[*].name') #>> '{}'), ', ')",
    output_field=CharField(),
)


def _memory(label: str, of: str, json: str = "", **more: Any) -> Number:
    """Read in GiB, kept and exported in bytes."""
    exports = (Number(label=label, of=of, unit="bytes"),)
    return Number(label=label, of=of, scale=2**30, unit="GiB", exports=exports, api={json or of: of}, **more)


def _used(*figures: str) -> tuple[str, ...]:
    """Those of what a workload uses now, with where they come from and when they were measured."""
    return tuple(f"usage__{name}" for name in (*figures, "source", "at"))


class WorkloadTable(Table):
    """Every workload the viewer may see, one row each."""

    rows = queries.present_workloads
    default_sort = "age"
    searched = "search_text__text"
    # What the actions of a row depend on, and what tells one state of a row from another.
    always = (
        "version",
        "name",
        "kind",
        "phase",
        "reason",
        "desired",
        "deleted_at",
        "terminating_at",
        "namespace",
        "cluster__kubeconfig",
        "project__name",
        "project__department_id",
        "tools",
    )
    filters = {
        "phase": Filter("status", "phase", tuple(Phase.values)),
        "project": Filter("project", "project__name"),
        "cluster": Filter("cluster", "cluster__name"),
    }

    name = Text(label="Name", draws=cells.name, width=174)
    status = Choice(
        label="Status",
        draws=cells.status,
        of="phase",
        choices=Phase,
        needs=("phase", "reason", "message", "phase_at"),
        exports=(Choice(label="Status", of="phase", choices=Phase), Text(label="Status detail", of=_WHY)),
        api={"phase": "phase", "message": "message"},
        width=244,
        detail=True,
    )
    reason = Choice(label="Reason", choices=Reason, width=180, default=False, detail=True)
    kind = Text(label="Kind", draws=cells.kind, width=110)
    category = Choice(
        label="Category",
        of=_CATEGORY,
        choices=Category,
        needs=("kind",),
        api={"category": "category"},
        width=84,
        default=False,
    )
    architecture = Choice(label="Architecture", choices=Architecture, width=106, default=False)
    priority = Text(label="Priority", width=110, default=False, detail=True)
    queue = Text(
        label="Queue",
        of=Coalesce(Cast(KT("queueing__queue"), CharField()), Value("")),
        needs=("queueing",),
        api={"queue": "queue"},
        width=110,
        default=False,
        detail=True,
    )
    preemptible = Choice(label="Preemptible", choices=Preemptible, width=96, default=False)
    project = Text(label="Project", draws=cells.project, of="project__name", width=96, detail=True)
    department = Text(
        label="Department", of="project__department__name", width=110, default=False, detail=True
    )
    cluster = Text(label="Cluster", of="cluster__name", width=110, default=False, detail=True)
    namespace = Text(label="Namespace", code=True, width=120, default=False, detail=True)
    created_by = Text(
        label="Created by",
        draws=cells.created_by,
        of=Coalesce(_FULL_NAME, "created_by__username", Value("")),
        also=("created_by__username",),
        needs=("created_by__first_name", "created_by__last_name", "created_by__username"),
        api={"created_by": "created_by__username"},
        width=100,
        detail=True,
    )
    submitted_through = Choice(label="Submitted through", choices=SubmittedThrough, width=130, default=False)
    application = Text(label="AI application", width=130, default=False, detail=True)
    owner_chain = Text(label="Owner chain", width=220, default=False, detail=True)
    connections = Text(
        label="Connections",
        draws=cells.connections,
        of=_TOOL_NAMES,
        needs=("tools", "tool_states", "phase"),
        api={"connections": "connections"},
        width=130,
        default=False,
    )
    data_sources = Words(
        label="Data sources", draws=cells.data_sources, width=190, default=False, detail=True
    )
    labels = Words(label="Labels", draws=cells.labels, width=220, default=False, detail=True)
    image = Text(label="Image", code=True, width=240, default=False, detail=True)
    gpus = Number(label="GPUs", of="gpu_millis", scale=1000, api={"gpus": "gpus_requested"}, width=62)
    gpus_allocated = Number(
        label="GPUs allocated",
        of="gpu_millis_allocated",
        scale=1000,
        api={"gpus_allocated": "gpus_allocated"},
        width=112,
        default=False,
    )
    gpu_use = Number(
        label="GPU use",
        draws=usage_cells.gpu_compute,
        of="usage__gpu_compute",
        unit="%",
        nullable=True,
        whole=False,
        needs=_used("gpu_compute"),
        api={"gpu_use_percent": "usage__gpu_compute"},
        width=98,
    )
    gpus_idle = Number(
        label="Idle GPUs",
        draws=usage_cells.gpus_idle,
        of="usage__gpus_idle",
        nullable=True,
        needs=_used("gpus_idle", "gpus_seen"),
        api={"gpus_idle": "usage__gpus_idle"},
        width=76,
        default=False,
    )
    gpu_memory_use = _memory(
        "GPU memory used",
        "usage__gpu_memory_bytes",
        draws=usage_cells.gpu_memory,
        nullable=True,
        needs=_used("gpu_memory_bytes", "gpu_memory_total_bytes"),
        json="gpu_memory_used_bytes",
        width=132,
        default=False,
    )
    gpu_memory = _memory("GPU memory", "gpu_memory_bytes", width=96, default=False)
    gpu_memory_allocated = _memory(
        "GPU memory allocated", "gpu_memory_bytes_allocated", width=152, default=False
    )
    cpu = Number(
        label="CPU",
        of="cpu_millis",
        scale=1000,
        unit="cores",
        api={"cpu_millicores": "cpu_millis"},
        width=48,
        default=False,
    )
    cpu_allocated = Number(
        label="CPU allocated",
        of="cpu_millis_allocated",
        scale=1000,
        unit="cores",
        api={"cpu_millicores_allocated": "cpu_millis_allocated"},
        width=104,
        default=False,
    )
    cpu_use = Number(
        label="CPU used",
        draws=usage_cells.cpu,
        of="usage__cpu_millis",
        scale=1000,
        unit="cores",
        nullable=True,
        needs=_used("cpu_millis"),
        api={"cpu_used_millicores": "usage__cpu_millis"},
        width=80,
        default=False,
    )
    memory = _memory("Memory", "memory_bytes", width=74, default=False)
    memory_use = _memory(
        "Memory used",
        "usage__memory_bytes",
        draws=usage_cells.memory,
        nullable=True,
        needs=_used("memory_bytes"),
        json="memory_used_bytes",
        width=104,
        default=False,
    )
    memory_allocated = _memory("Memory allocated", "memory_bytes_allocated", width=126, default=False)
    pods = Number(
        label="Pods",
        draws=cells.pods,
        of="pods_requested",
        needs=("pods_running", "pods_requested"),
        exports=(
            Number(label="Pods running", of="pods_running"),
            Number(label="Pods requested", of="pods_requested"),
        ),
        api={"pods_requested": "pods_requested"},
        width=54,
    )
    pods_running = Number(label="Running pods", header="Pods running", width=104, default=False)
    runs = Number(
        label="Requested runs",
        of="runs_requested",
        api={"runs_requested": "runs_requested"},
        width=116,
        default=False,
    )
    restarts = Number(label="Restarts", width=72, default=False)
    exit_code = Number(label="Exit code", nullable=True, width=78, default=False)
    nodes = Words(label="Nodes", width=98, detail=True)
    node_pools = Words(label="Node pools", width=110, default=False, detail=True)
    age = Age(label="Age", header="Created", of="created_at", api={"created_at": "created_at"}, width=84)
    created = Instant(
        label="Created", of="created_at", api={"created_at": "created_at"}, width=150, default=False
    )
    started = Instant(
        label="Started",
        of="started_at",
        nullable=True,
        api={"started_at": "started_at"},
        width=150,
        default=False,
    )
    completed = Instant(
        label="Completed",
        of="completed_at",
        nullable=True,
        api={"completed_at": "completed_at"},
        width=150,
        default=False,
    )
    changed = Age(
        label="Last change",
        of="changed_at",
        api={"changed_at": "changed_at"},
        width=94,
        default=False,
    )
    in_phase = Age(
        label="In phase for",
        header="In phase since",
        of="phase_at",
        api={"phase_at": "phase_at"},
        width=104,
        default=False,
    )
    pending_time = Lasting(
        label="Total pending time",
        draws=cells.pending_time,
        of="time_pending",
        since="phase_at",
        going=Q(phase=Phase.PENDING),
        needs=("time_pending", "phase", "phase_at"),
        api={"pending_seconds": "pending_for"},
        width=132,
        default=False,
    )
    run_time = Lasting(
        label="Total runtime",
        draws=cells.run_time,
        of="time_running",
        since="phase_at",
        going=Q(phase=Phase.RUNNING),
        needs=("time_running", "phase", "phase_at"),
        api={"running_seconds": "running_for"},
        width=104,
        default=False,
    )
    guaranteed = Left(
        label="Guaranteed time left",
        header="Guaranteed until",
        of="guaranteed_until",
        nullable=True,
        api={"guaranteed_until": "guaranteed_until"},
        width=142,
        default=False,
    )

    @classmethod
    def holds(cls, word: str) -> Q:
        """Also where the phase is called so, which `SearchText` leaves out. Two indexes answer, no scan."""
        phases = [phase for phase in Phase if word in phase.upper()]
        if not phases:
            return super().holds(word)
        live = Workload.objects.filter(deleted_at=None, phase__in=phases)
        return Q(pk__in=SearchText.objects.filter(text__contains=word).values("pk").union(live.values("pk")))


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
