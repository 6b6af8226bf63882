"""How well the clusters are used, in what one person may see: sums, who waits and runs where, who idles."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from metrics.latest import IDLE_TIME
from metrics.models import Gpu
from metrics.sharing import users_now
from runyard.clusters.models import Node
from workloads import queries
from workloads.models import Workload
from workloads.status import ENDED, Phase

MOST_IDLE = 10
_RUNS, _WAITS = (Phase.RUNNING, Phase.DEGRADED), (Phase.PENDING,)
#: Workloads that use what their last figures say: those stay known for minutes after the end. What has ended
#: holds and uses until its last pod is gone.
USES = (
    ~Q(phase__in=ENDED)
    | Q(gpu_millis_allocated__gt=0)
    | Q(cpu_millis_allocated__gt=0)
    | Q(memory_bytes_allocated__gt=0)
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of the nodes, of what their workloads hold, and of what those use; None where nothing is known."""

    gpus: int
    gpu_millis: int
    gpus_seen: int | None
    gpus_busy: float | None
    gpus_idle: int | None
    cpu_millis_all: int
    cpu_millis: int
    cpu_millis_used: int | None
    memory_all: int
    memory: int
    memory_used: int | None
    nodes: int


@dataclass(frozen=True, slots=True)
class Place:
    """A project or a node pool: how many run and wait there, and hold GPUs though they do neither."""

    name: str
    running: int
    pending: int
    others: int
    gpu_millis: int


@dataclass(frozen=True, slots=True)
class Idle:
    """A workload that holds GPUs and leaves them idle; `hours` of GPUs lost, `since` of the longest."""

    workload: Workload
    gpus: int
    hours: float
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    sums: Sums
    projects: list[Place] = field(default_factory=list)
    pools: list[Place] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)


def overview(user: Any) -> Overview:
    """All of it; nothing of what `user` may not see is counted, but the nodes are everybody's."""
    return Overview(_sums(user), _projects(user), _pools(user), _idle(user))


def _sums(user: Any) -> Sums:
    nodes = Node.objects.filter(ready=True)
    offer = nodes.aggregate(gpus=Sum("gpus"), cpu=Sum("cpu_millis"), memory=Sum("memory_bytes"))
    held = queries.present_workloads(user).aggregate(
        gpu=Sum("gpu_millis_allocated", default=0),
        cpu=Sum("cpu_millis_allocated", default=0),
        memory=Sum("memory_bytes_allocated", default=0),
        seen=Sum("usage__gpus_seen", filter=USES),
        busy=Sum(F("usage__gpu_compute") * F("usage__gpus_seen") / 100.0, filter=USES),
        idle=Sum("usage__gpus_idle", filter=USES),
        cpu_used=Sum("usage__cpu_millis", filter=USES),
        memory_used=Sum("usage__memory_bytes", filter=USES),
    )
    return Sums(
        offer["gpus"] or 0, held["gpu"], held["seen"], held["busy"], held["idle"],
        offer["cpu"] or 0, held["cpu"], held["cpu_used"],
        offer["memory"] or 0, held["memory"], held["memory_used"], nodes.count(),
    )  # fmt: skip


def _projects(user: Any) -> list[Place]:
    return _places((name or "", *counted) for name, *counted in _counted(user, "project__name"))


def _pools(user: Any) -> list[Place]:
    """What has no node yet waits in no pool."""
    return _places((", ".join(pools), *counted) for pools, *counted in _counted(user, "node_pools"))


def _counted(user: Any, by: str) -> Any:
    """Rows of `by`, phase, how many, their GPUs; with all that `_sums` counts GPUs of, so that both agree."""
    counts = Q(phase__in=[*_RUNS, *_WAITS]) | Q(gpu_millis_allocated__gt=0)
    rows = queries.present_workloads(user).filter(counts).order_by()
    return rows.values_list(by, "phase").annotate(count=Count("pk"), gpus=Sum("gpu_millis_allocated"))


def _places(counted: Iterable[tuple[str, str, int, int]]) -> list[Place]:
    found: dict[str, Counter[str]] = {}
    for name, phase, count, gpus in counted:
        sums = found.setdefault(name, Counter())
        sums["running" if phase in _RUNS else "pending" if phase in _WAITS else "others"] += count
        sums["gpu_millis"] += gpus
    fields = ("running", "pending", "others", "gpu_millis")
    places = [Place(name, *(sums[field] for field in fields)) for name, sums in found.items()]
    return sorted(places, key=lambda place: (-place.gpu_millis, -place.running, -place.pending, place.name))


def _idle(user: Any) -> list[Idle]:
    """Those that lost most first."""
    now = timezone.now()
    rows = queries.visible_workloads(user).filter(USES, usage__gpus_idle__gte=1)
    found = {row.pk: row for row in rows.order_by("-usage__idle_gpu_seconds", "-usage__gpus_idle")[:200]}
    idling: dict[int, list[tuple[datetime, float]]] = {pk: [] for pk in found}
    for workload, part, begun in _idling({row.cluster_id for row in found.values()}, now - IDLE_TIME):
        if workload in found:
            idling[workload].append((begun, part))
    lost = [_lost(row, idling[pk], now) for pk, row in found.items()]
    return sorted(lost, key=lambda one: -one.hours)[:MOST_IDLE]


def _idling(clusters: set[int], before: datetime) -> Iterator[tuple[int, float, datetime]]:
    """Whose GPUs idle since `before` or longer, with the part of each that is theirs, and since when."""
    users = {uid: its for cluster in clusters for uid, its in users_now(cluster).items()}
    rows = Gpu.objects.filter(cluster__in=clusters, idle_since__lte=before)
    for workload, uid, begun in rows.values_list("workload", "pod_uid", "idle_since"):
        for pk, part in [(workload, 1.0)] if workload else users.get(uid, []):
            if begun:  # the filter says so
                yield pk, part, begun


def _lost(row: Workload, idling: list[tuple[datetime, float]], now: datetime) -> Idle:
    """What was lost before, and what goes on."""
    going = sum(part * (now - begun).total_seconds() for begun, part in idling)
    hours = (row.usage.idle_gpu_seconds + going) / 3600
    return Idle(row, row.usage.gpus_idle or 0, hours, min((begun for begun, _ in idling), default=None))
