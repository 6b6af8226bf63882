"""The table of one workload's pods: columns, filters, order. `workloads.pod_cells` draws what is special."""

from typing import Any

from django.db.models import CharField, TextChoices
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from runyard.kit.columns import Choice, Column, Instant, Number, Text
from runyard.kit.tables import Filter, Table
from workloads import pod_cells, queries

_IMAGE = Cast(KT("containers__0__image"), CharField())


class PodPhase(TextChoices):
    """Kubernetes' own, in the order of a life."""

    PENDING = "Pending", "Pending"
    RUNNING = "Running", "Running"
    SUCCEEDED = "Succeeded", "Succeeded"
    FAILED = "Failed", "Failed"
    UNKNOWN = "Unknown", "Unknown"


class _Code(Number):
    """A number that is read with the words beside it."""

    align = "start"


class _Spark(Column):
    """What it used in the last hour: a place where the page draws it, which a file has not."""

    def fields(self) -> list[tuple[str, Any]]:
        return []


class PodTable(Table):
    """Every pod that the viewer may see; a view, never the viewer, narrows it to one `workload`."""

    rows = queries.all_visible_pods
    default_sort = "-created"
    searched = "found_by"
    always = ("workload_id", "resource_version", "name", "phase")
    filters = {"workload": Filter("workload", "workload_id")}

    name = Text(label="Pod", draws=pod_cells.name, width=190, detail=True)
    state = Choice(
        label="State",
        draws=pod_cells.state,
        of="phase",
        choices=PodPhase,
        needs=(
            *("phase", "ready", "scheduled", "reason", "message"),
            *("gone_at", "terminating_at", "exit_code"),
        ),
        exports=(
            Choice(label="State", of="phase", choices=PodPhase),
            Instant(label="Gone", of="gone_at", nullable=True),
        ),
        width=240,
        detail=True,
    )
    role = Text(label="Role", width=84, detail=True)
    node = Text(label="Node", code=True, width=120, detail=True)
    gpus = Number(label="GPUs", of="gpu_millis", scale=1000, width=58)
    gpu_use = _Spark(
        label="GPU use",
        draws=pod_cells.gpu_use,
        of="gpu_millis",
        needs=("gpu_millis", "gpu_memory_bytes"),
        sortable=False,
        width=142,
    )
    cpu_use = _Spark(label="CPU used", draws=pod_cells.cpu_use, of="cpu_millis", sortable=False, width=144)
    restarts = Number(label="Restarts", width=74)
    exit_code = _Code(
        label="Ended with",
        draws=pod_cells.exit_code,
        nullable=True,
        needs=("exit_code", "reason", "message", "containers", "phase"),
        exports=(
            Number(label="Exit code", of="exit_code", nullable=True),
            Text(label="Reason", of="reason"),
            Text(label="Message", of="message"),
        ),
        width=230,
        detail=True,
    )
    created = Instant(label="Created", of="created_at", width=150)
    placed = Instant(label="Given a node", of="scheduled_at", nullable=True, width=150, default=False)
    running = Instant(label="Running since", of="running_at", nullable=True, width=150)
    ended = Instant(label="Ended", of="finished_at", nullable=True, width=150)
    image = Text(
        label="Image", draws=pod_cells.image, of=_IMAGE, needs=("containers",), width=240, detail=True
    )
