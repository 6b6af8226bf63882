"""What workloads use and which GPUs idle, as of the latest look: rows that tables show, asking no source.

Written after each look, and only what differs enough for people to see it; figures that nobody renews become
unknown after some minutes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from django.db import transaction
from django.db.models import Q

from metrics.figures import Figure, PodsNow, pods_now
from metrics.models import Gpu
from metrics.sharing import Users, is_parted, users_now
from runyard.clusters.models import Cluster
from runyard.kit.writing import write_columns
from workloads.models import Usage, Workload
from workloads.transitions import announce

#: A GPU that works less than this share of the time is idle; for so long before anybody is told.
IDLE_PERCENT, IDLE_TIME = 1.0, timedelta(minutes=5)
#: Figures older than this are not known any more.
STALE = timedelta(minutes=5)
#: An unchanged row is written once in so long, so that its age is right.
RENEW = timedelta(minutes=1)
#: What people see as a change: points of a percentage, and the part of any other figure.
POINTS, PART = 2.0, 0.02
FIGURES = ("gpu_compute", "gpu_memory_bytes", "gpu_memory_total_bytes", "gpus_seen", "gpus_idle",
           "cpu_millis", "memory_bytes")  # fmt: skip
_GPU_FIELDS = ("node", "index", "model", "pod_uid", "workload", "compute", "memory_bytes",
               "memory_total_bytes", "idle_since", "seen_at")  # fmt: skip


@dataclass(slots=True)
class Device:
    """The figures of one GPU or slice. `users`: the workloads that hold it, each with its part."""

    node: str = ""
    index: str = ""
    model: str = ""
    pod_uid: str = ""
    users: list[tuple[int, float]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def workload(self) -> int | None:
        """The one that holds it alone."""
        return self.users[0][0] if len(self.users) == 1 else None

    def part(self, part: float) -> Self:
        """What of it is one user's."""
        shares = {key: value * part if is_parted(key) else value for key, value in self.figures.items()}
        return self if part == 1 else replace(self, figures=shares)

    @property
    def memory_total(self) -> int | None:
        """None where an exporter does not tell what is free."""
        parts = [self.figures.get(f"gpu_memory{part}") for part in ("", "_free", "_reserved")]
        known = [part for part in parts if part is not None]
        return int(sum(known)) if "gpu_memory_free" in self.figures else None


Devices = dict[tuple[str, str], Device]
Used = dict[int, dict[str, float]]


def apply(cluster: Cluster, figures: Iterable[Figure], source: str, at: datetime) -> None:
    """Write what `figures`, all that one look at `at` brought, make of workloads and GPUs."""
    devices, used = _sorted_out(figures, pods_now(cluster.pk), users_now(cluster.pk))
    with transaction.atomic():
        idle = _write_gpus(cluster, devices, at)
        _write_usage(cluster, _usages(devices, used, idle, source, at), at)


def _sorted_out(figures: Iterable[Figure], pods: PodsNow, shared: Users) -> tuple[Devices, Used]:
    """Figures by GPU (uuid and slice), and those of pods summed by workload."""
    devices: Devices = defaultdict(Device)
    used: Used = defaultdict(lambda: defaultdict(float))
    for figure in figures:
        labels = figure.labels
        pod = pods.get((labels.namespace, labels.pod))
        if labels.gpu_uuid:
            device = devices[labels.gpu_uuid, labels.mig]
            device.node, device.index = labels.node, labels.gpu
            device.model = figure.model or device.model
            device.figures[figure.metric] = figure.value
            if pod:
                device.pod_uid = pod.uid
                device.users = shared.get(pod.uid) or ([(pod.workload, 1.0)] if pod.workload else [])
        elif pod and pod.workload:
            used[pod.workload][figure.metric] += figure.value
    return devices, used


@dataclass(slots=True)
class Idle:
    """Of one workload: how many GPUs idle now, and seconds of idle times that ended with this look."""

    now: int = 0
    over: int = 0


def _write_gpus(cluster: Cluster, devices: Devices, at: datetime) -> dict[int, Idle]:
    """The rows of the GPUs that were seen; what idles of each workload."""
    rows = {(row.uuid, row.mig): row for row in Gpu.objects.filter(cluster=cluster)}
    idle: dict[int, Idle] = defaultdict(Idle)
    changed: list[Gpu] = []
    for key, device in devices.items():
        row = rows.get(key) or Gpu(cluster=cluster, uuid=key[0], mig=key[1], seen_at=at - RENEW)
        since = _idle_since(row, device, at)
        if row.idle_since and since != row.idle_since:
            for workload, part in _users_before(row, device):
                idle[workload].over += int(part * _lost(at - row.idle_since))
        if since and _lost(at - since):
            for workload, _ in device.users:
                idle[workload].now += 1
        if _differs(row, device, since) or at - row.seen_at >= RENEW:
            changed.append(_renewed(row, device, since, at))
    Gpu.objects.bulk_create([row for row in changed if row.pk is None], ignore_conflicts=True)
    write_columns([row for row in changed if row.pk], _GPU_FIELDS)
    return idle


def _users_before(row: Gpu, device: Device) -> list[tuple[int, float]]:
    if row.pod_uid == device.pod_uid:
        return device.users
    return [(row.workload_id, 1.0)] if row.workload_id else []


def _idle_since(row: Gpu, device: Device, at: datetime) -> datetime | None:
    """It begins anew with each pod; unknown is not idle."""
    compute = device.figures.get("gpu_compute")
    if compute is None or compute >= IDLE_PERCENT:
        return None
    same = row.pod_uid == device.pod_uid and at - row.seen_at <= STALE
    return (row.idle_since if same else None) or at


def _lost(idle: timedelta) -> int:
    """The seconds of an idle time, where it was long enough to count."""
    return int(idle.total_seconds()) if idle >= IDLE_TIME else 0


def _differs(row: Gpu, device: Device, since: datetime | None) -> bool:
    exact = (row.node, row.index, row.pod_uid, row.workload_id, row.memory_total_bytes, row.idle_since)
    if exact != (device.node, device.index, device.pod_uid, device.workload, device.memory_total, since):
        return True
    compute, memory = device.figures.get("gpu_compute"), device.figures.get("gpu_memory")
    return _moved(row.compute, compute, POINTS) or _moved(row.memory_bytes, memory)


def _renewed(row: Gpu, device: Device, since: datetime | None, at: datetime) -> Gpu:
    row.node, row.index, row.model = device.node, device.index, device.model or row.model
    row.pod_uid, row.workload_id, row.idle_since, row.seen_at = device.pod_uid, device.workload, since, at
    row.compute, row.memory_total_bytes = device.figures.get("gpu_compute"), device.memory_total
    row.memory_bytes = _whole(device.figures.get("gpu_memory"))
    return row


def _usages(
    devices: Devices, used: Used, idle: Mapping[int, Idle], source: str, at: datetime
) -> dict[int, Usage]:
    """What each workload uses, of which any figure is known."""
    held: dict[int, list[Device]] = defaultdict(list)
    for device in devices.values():
        for workload, part in device.users:
            held[workload].append(device.part(part))
    return {
        pk: _usage(pk, held.get(pk, []), used.get(pk, {}), idle.get(pk), source, at)
        for pk in {*held, *used, *idle}
    }


def _usage(
    pk: int, held: list[Device], used: Mapping[str, float], idle: Idle | None, source: str, at: datetime
) -> Usage:
    compute = [device.figures["gpu_compute"] for device in held if "gpu_compute" in device.figures]
    memory = [device.figures["gpu_memory"] for device in held if "gpu_memory" in device.figures]
    totals = [device.memory_total for device in held if device.memory_total is not None]
    cpu = used.get("cpu")
    return Usage(
        workload_id=pk,
        gpu_compute=sum(compute) / len(compute) if compute else None,
        gpu_memory_bytes=int(sum(memory)) if memory else None,
        gpu_memory_total_bytes=sum(totals) if totals and len(totals) == len(held) else None,
        gpus_seen=len(held) or None,
        gpus_idle=(idle.now if idle else 0) if compute else None,
        idle_gpu_seconds=idle.over if idle else 0,
        cpu_millis=None if cpu is None else round(cpu * 1000),
        memory_bytes=_whole(used.get("memory")),
        source=source,
        at=at,
    )


def _write_usage(cluster: Cluster, usages: dict[int, Usage], at: datetime) -> None:
    """Upsert what changed or is a minute old, blank what nobody renews, and tell who watches of changes."""
    stale = Q(workload__cluster=cluster, at__lt=at - STALE) & ~Q(**dict.fromkeys(FIGURES))
    there = {row.workload_id: row for row in Usage.objects.filter(Q(workload__in=usages) | stale)}
    seen: set[int] = set()
    written = []
    for pk in {*usages, *there}:
        before, after = there.get(pk), usages.get(pk) or _blank(there[pk])
        after.idle_gpu_seconds += before.idle_gpu_seconds if before else 0
        changed = before is None or _is_another(before, after)
        if changed:
            seen.add(pk)
        if changed or before is None or at - before.at >= RENEW:
            written.append(after)
    Usage.objects.bulk_create([row for row in written if row.pk not in there], ignore_conflicts=True)
    write_columns([row for row in written if row.pk in there], [*FIGURES, "idle_gpu_seconds", "source", "at"])
    if seen:
        announce(Workload.objects.filter(pk__in=seen).only("pk", "project", "version"))


def _blank(row: Usage) -> Usage:
    """Nothing is known of it any more; when and by whom it last was, is."""
    return Usage(workload_id=row.workload_id, source=row.source, at=row.at)


def _is_another(before: Usage, after: Usage) -> bool:
    """Whether people would see a difference."""
    if (before.gpus_seen, before.gpus_idle, before.source) != (
        after.gpus_seen,
        after.gpus_idle,
        after.source,
    ):
        return True
    if _moved(before.gpu_compute, after.gpu_compute, POINTS) or _moved(
        before.cpu_millis, after.cpu_millis, 20
    ):
        return True
    amounts = ("gpu_memory_bytes", "gpu_memory_total_bytes", "memory_bytes")
    return any(_moved(getattr(before, name), getattr(after, name)) for name in amounts)


def _moved(before: float | None, after: float | None, least: float = 0.0) -> bool:
    """By more than PART of it and more than `least`; known and unknown are always different."""
    if before is None or after is None:
        return before is not after
    return abs(after - before) > max(least, PART * abs(before))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
