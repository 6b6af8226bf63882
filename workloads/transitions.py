"""The only place where phases change: by what was asked (`submitted`, `asked`, `refused`, ...) and by
what was observed (`workloads.observing` calls `settle` here).

Each function changes one row in memory and writes it; callers hold the row's lock. A change that
people can see raises `version` and publishes a hint after commit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from runyard.clusters import quantities
from runyard.clusters.models import Cluster
from runyard.kit.loading import fresh
from runyard.kit.publish import publish_on_commit
from runyard.kit.writing import write_columns
from runyard.tenancy.models import Project, User
from workloads import amounts, spec, tools
from workloads.fit import Room
from workloads.models import PhaseChange, Pod, SubmittedThrough, Workload
from workloads.passing import passed
from workloads.phases import active, derive
from workloads.status import Desired, Phase, Reason, Status

#: What pods ask for -> what of it they hold.
_ALLOCATED = {name: f"{name}_allocated" for name in amounts.FIELDS}
#: Columns that `settle` decides; written together with whatever else changed.
SETTLED = (
    "phase",
    "reason",
    "message",
    "phase_at",
    "was_running",
    "pods_running",
    "restarts",
    "exit_code",
    "nodes",
    *_ALLOCATED.values(),
    "started_at",
    "time_pending",
    "time_running",
)

_HELD = (Reason.QUEUED, Reason.EVICTED)


def settle(workload: Workload, pods: Sequence[Pod], at: datetime, room: Room) -> list[PhaseChange]:
    """Derive `workload`'s status from itself and `pods`; the PhaseChanges to be written, oldest first, which
    lack the key of a workload that has none yet.

    `room` is its cluster's: it tells what waits for a node to be free from what fits on none.
    """
    status = _fitting(derive(workload, pods), pods, room)
    _count(workload, pods)
    workload.reason, workload.message = status.reason, status.message
    if status.phase in (Phase.STOPPED, Phase.STOPPING) or status.reason in _HELD:
        workload.was_running = False
    if workload.phase == status.phase and workload.phase_at:
        return []
    unseen = [
        _enter(workload, Status(phase), began) for phase, began in passed(workload, pods, status.phase, at)
    ]
    return [*unseen, _enter(workload, status, at)]


def _enter(workload: Workload, status: Status, at: datetime) -> PhaseChange:
    if workload.phase_at:
        workload.leave_phase(at)
    if status.phase == Phase.RUNNING:
        workload.was_running = True
        workload.started_at = workload.started_at or at
    workload.phase, workload.phase_at = status.phase, at
    return fresh(
        PhaseChange,
        workload_id=workload.pk,
        phase=status.phase,
        reason=status.reason,
        message=status.message,
        at=at,
    )


def _fitting(status: Status, pods: Sequence[Pod], room: Room) -> Status:
    """The status in the form's words where no node, even empty, could take one of the pods that wait."""
    if status.reason != Reason.UNSCHEDULABLE:
        return status
    waiting = [pod for pod in active(pods) if not pod.scheduled and pod.reason == "Unschedulable"]
    words = next(filter(None, map(room.too_much, waiting)), "")
    return replace(status, message=words) if words else status


def _count(workload: Workload, pods: Sequence[Pod]) -> None:
    """What the pods add up to; a pod holds what it asked for from its node until it ends."""
    living = active(pods)
    failed = [pod for pod in pods if pod.exit_code]
    workload.pods_running = sum(pod.ready for pod in living)
    workload.restarts = sum(pod.restarts for pod in pods)
    if failed:
        workload.exit_code = max(failed, key=lambda pod: pod.finished_at or pod.created_at).exit_code
    workload.nodes = sorted({pod.node for pod in living or pods if pod.node})
    placed = [pod for pod in living if pod.scheduled]
    for name, allocated in _ALLOCATED.items():
        setattr(workload, allocated, min(sum([getattr(pod, name) for pod in placed]), amounts.MOST))


def submitted(
    by: User, project: Project, cluster: Cluster, training: spec.WorkloadSpec, through: SubmittedThrough
) -> Workload:
    """The row of a workload that its cluster does not have yet."""
    now = timezone.now()
    workload = Workload(
        cluster=cluster,
        project=project,
        kind=training.kind,
        namespace=project.namespace,
        name=training.name,
        phase=Phase.CREATING,
        reason=Reason.SUBMITTED,
        phase_at=now,
        changed_at=now,
        created_at=now,
        created_by=by,
        submitted_through=through,
        spec=training.dump(),
        image=training.image,
        gpu_millis=int(training.gpus) * 1000,
        cpu_millis=quantities.millis(training.cpu),
        memory_bytes=quantities.whole(training.memory),
        retries=training.retries,
        version=1,
    )
    workload.manifest = spec.job(
        training, project.namespace, str(workload.key), tools.token_of(str(workload.key))
    )
    workload.save(force_insert=True)
    PhaseChange.objects.create(workload=workload, phase=Phase.CREATING, reason=Reason.SUBMITTED, at=now)
    announce([workload])
    return workload


def asked(workloads: Sequence[Workload], desired: Desired) -> None:
    """Someone asked for `desired` of these: their phases show it at once, the cluster follows.

    As many queries for a hundred as for one.
    """
    for workload in workloads:
        workload.desired = desired
    _resettle(workloads, ["desired"])


def created(workload: Workload, uid: str) -> None:
    """The cluster took the workload under `uid`."""
    if workload.uid is None:
        workload.uid = uid
        _resettle([workload], ["uid"])


def refused(workload: Workload, message: str) -> None:
    """The cluster will never take the workload: Failed, with the cluster's words."""
    workload.terminal, workload.terminal_reason = "Failed", Reason.NOT_CREATED
    workload.terminal_message, workload.completed_at = message, timezone.now()
    _resettle([workload], ["terminal", "terminal_reason", "terminal_message", "completed_at"])


def reverted(workload: Workload) -> None:
    """The cluster refused a stop, run or delete: what is wanted is again what is observed."""
    runs = workload.queueing.get("active", not workload.suspended)
    workload.desired = Desired.RUNNING if runs else Desired.STOPPED
    _resettle([workload], ["desired"])


def gone(workload: Workload) -> None:
    """The cluster has it no more."""
    now = timezone.now()
    workload.deleted_at, workload.desired = now, Desired.DELETED
    Pod.objects.filter(workload=workload, gone_at=None).update(gone_at=now)
    _resettle([workload], ["deleted_at", "desired"])


def placed_anew(
    workloads: QuerySet[Workload], place: Callable[[Sequence[Workload]], None], column: str
) -> None:
    """`place` sets `column`, in memory, to what the cluster says now: of `workloads`, locked here, those are
    written to which it says something else. Call in a transaction."""
    rows = list(workloads.filter(deleted_at=None).select_for_update().order_by("pk"))
    before = {row.pk: getattr(row, column) for row in rows}
    place(rows)
    changed, now = [row for row in rows if getattr(row, column) != before[row.pk]], timezone.now()
    for row in changed:
        row.version, row.changed_at = row.version + 1, now
    write_columns(changed, [column, "version", "changed_at"])
    announce(changed)


def queued_anew(workloads: QuerySet[Workload], say: Callable[[Sequence[Workload]], None]) -> None:
    """`say` sets `queueing`, in memory, of `workloads`, locked here; those of which it says something else
    are settled and written. Call in a transaction."""
    rows = list(workloads.filter(deleted_at=None).select_for_update(no_key=True).order_by("pk"))
    before = {row.pk: row.queueing for row in rows}
    say(rows)
    if changed := [row for row in rows if row.queueing != before[row.pk]]:
        _resettle(changed, ["queueing"])


def _resettle(workloads: Sequence[Workload], changed: Iterable[str]) -> None:
    now, pods = timezone.now(), _pods_of(workloads)
    rooms = {workload.cluster_id: Room(workload.cluster_id) for workload in workloads}
    changes = [settle(workload, pods[workload.pk], now, rooms[workload.cluster_id]) for workload in workloads]
    for workload in workloads:
        workload.version, workload.changed_at = workload.version + 1, now
    write_columns(workloads, [*changed, *SETTLED, "version", "changed_at"])
    PhaseChange.objects.bulk_create(chain.from_iterable(changes))
    announce(workloads)


def _pods_of(workloads: Sequence[Workload]) -> dict[int, list[Pod]]:
    pods: dict[int, list[Pod]] = {workload.pk: [] for workload in workloads}
    for pod in Pod.objects.filter(workload__in=pods):
        pods[pod.workload_id].append(pod)  # type: ignore[index]
    return pods


def announce(workloads: Iterable[Workload]) -> None:
    """Hint, after commit, that these rows changed: one hint per project, one per workload.

    What they use changes more often than they do, and is kept apart: its hints repeat the version.
    """
    by_project: dict[Any, list[Workload]] = {}
    for workload in workloads:
        by_project.setdefault(workload.project_id, []).append(workload)
    hints: list[tuple[str, Any]] = []
    for project, rows in by_project.items():
        hints.append((f"workloads:{project or 0}", [row.id for row in rows]))
        hints.extend((f"workload:{row.id}", row.version) for row in rows)
    publish_on_commit(*hints)
