"""What KAI's queues promise: that they are there, and how long a preemptible workload is left where it is.

The latter is `preemptMinRuntime` of its queue, since it started; a queue that says nothing has the time of
the queue above it, as in KAI's plugin minruntime. `observe_queues` and `follow` are for `runyard.sync`,
before and after a batch is written; `place` and `known` are for `observing`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.clusters.scheduler_objects import KaiQueueObject
from workloads import transitions
from workloads.models import KaiQueue, Preemptible, QueueEntry, Workload
from workloads.queueing.saying import missing
from workloads.queueing.schedulers import KAI
from workloads.reading import storable
from workloads.status import Phase

RESOURCE, PATH = "queues.scheduling.run.ai", "/apis/scheduling.run.ai/v2/queues"
ON_NODES = (Phase.INITIALIZING, Phase.RUNNING, Phase.DEGRADED)  # KAI counts from when nodes are given
_FACTS = ("name", "parent", "min_runtime")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = r"(\d+\.?\d*|\.\d+)(ms|us|µs|μs|ns|h|m|s)"
_LONGEST = timedelta(days=106_751)  # what Go can count


def observe_queues(cluster: Cluster, seen: Sequence[Seen]) -> set[str]:
    """Write what `seen` says of queues; call in a transaction. The names of those with another time now, of
    those that came or went, and of all where none was known, or none is any more."""
    latest = {one.uid: one.object for one in seen if one.resource == RESOURCE}
    if not latest:
        return set()
    before, mine = _times(cluster), KaiQueue.objects.filter(cluster=cluster, uid__in=latest)
    mine.filter(uid__in=[uid for uid, queue in latest.items() if queue is None]).delete()
    known = {uid: facts for uid, *facts in mine.values_list("uid", *_FACTS)}
    rows = [_row(cluster, uid, queue) for uid, queue in latest.items() if queue is not None]
    # Its status is written whenever one of its pods comes or goes: that is nothing new.
    KaiQueue.objects.bulk_create(
        [row for row in rows if known.get(row.uid) != [getattr(row, fact) for fact in _FACTS]],
        update_conflicts=True, unique_fields=["cluster", "uid"], update_fields=(*_FACTS, "resource_version"),
    )  # fmt: skip
    after = _times(cluster)
    if bool(before) != bool(after):
        groups = QueueEntry.objects.filter(cluster=cluster, resource=KAI.resource)
        return set(groups.values_list("queue", flat=True).distinct())
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def place(cluster: Cluster, workloads: Iterable[Workload]) -> None:
    """Set `guaranteed_until`, in memory."""
    rows = list(workloads)
    times = _times(cluster) if any(_started(row) for row in rows) else {}
    for row in rows:
        started, time = _started(row), times.get(row.queue, timedelta())
        row.guaranteed_until = started + time if started and time > timedelta() else None


def follow(cluster: Cluster, names: Collection[str]) -> None:
    """Queues `names` are not what they were: nor are their workloads. Call in a transaction."""
    if not names:
        return
    groups = QueueEntry.objects.filter(cluster=cluster, resource=KAI.resource, queue__in=names)
    theirs = Workload.objects.filter(pk__in=groups.values("workload"), terminal="")
    transitions.queued_anew(theirs, partial(_missing, known(cluster)))
    there = Workload.objects.filter(cluster=cluster, phase__in=ON_NODES, queueing__queue__in=list(names))
    transitions.placed_anew(there, partial(place, cluster), "guaranteed_until")


def known(cluster: Cluster) -> frozenset[str]:
    """The names of its queues."""
    return frozenset(KaiQueue.objects.filter(cluster=cluster).values_list("name", flat=True))


def _missing(queues: Collection[str], workloads: Sequence[Workload]) -> None:
    """Have `workloads` say, in memory, which of their queues is not among `queues`."""
    named: dict[int, list[str]] = {row.pk: [] for row in workloads}
    groups = QueueEntry.objects.filter(workload__in=named, resource=KAI.resource)
    for pk, name in groups.order_by("-created_at", "-uid").values_list("workload_id", "queue"):
        named[pk].append(name)
    for row in workloads:
        rest = {name: value for name, value in row.queueing.items() if name != "missing"}
        gone = missing(named[row.pk], queues)
        row.queueing = rest | ({"missing": gone} if gone else {})


def _started(workload: Workload) -> datetime | None:
    """Since when the time counts; None where nobody would preempt it, or it holds no node."""
    told = workload.queueing.get("started")
    if not told or workload.phase not in ON_NODES or workload.preemptible == Preemptible.NO:
        return None
    return datetime.fromisoformat(told)


def _row(cluster: Cluster, uid: str, queue: KaiQueueObject) -> KaiQueue:
    said = queue.spec.preempt_min_runtime if queue.spec else None
    facts = {
        "name": queue.metadata.name,
        "parent": ((queue.spec and queue.spec.parent_queue) or "")[:253],
        "min_runtime": None if said is None else go_duration(said),
        "resource_version": queue.metadata.resource_version,
    }
    return KaiQueue(cluster=cluster, uid=uid, **storable(facts))


def _times(cluster: Cluster) -> dict[str, timedelta]:
    """Of every queue by its name; nothing where neither it nor one above it says one."""
    rows = KaiQueue.objects.filter(cluster=cluster).order_by("pk").values_list(*_FACTS)
    queues = {name: (parent, time) for name, parent, time in rows}
    return {name: _time(name, queues) for name in queues}


def _time(name: str, queues: Mapping[str, tuple[str, timedelta | None]]) -> timedelta:
    passed: set[str] = set()  # nothing keeps people from naming queues as each other's parents
    while name in queues and name not in passed:
        passed.add(name)
        name, time = queues[name]
        if time is not None:
            return time
    return timedelta()


def go_duration(text: str) -> timedelta:
    """ "1h30m" as Go writes a length of time; no time for a negative one and for what is none."""
    if len(text) > 64 or not re.fullmatch(rf"\+?(?:{_PART})+", text, re.ASCII):
        return timedelta()
    seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in re.findall(_PART, text, re.ASCII))
    return timedelta(seconds=seconds) if seconds <= _LONGEST.total_seconds() else timedelta()
