"""Which runs of which containers have a log that is not kept to its end yet. Reads rows, writes none."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from workloads.keeping.claims import FREE
from workloads.keeping.models import KeptLog
from workloads.models import Pod


class Run(NamedTuple):
    """One run of one container; `instance` is the restart count it had."""

    pod: int
    container: str
    instance: int


def unfinished(workloads: Iterable[int] | None = None) -> dict[Run, datetime]:
    """Runs that nobody reads, of these workloads or (None) of all, each with when its pod was made."""
    mine = Q() if workloads is None else Q(workload__in=workloads)
    alive = Pod.objects.filter(mine, gone_at=None, workload__isnull=False).exclude(cluster__kubeconfig="")
    found: dict[Run, datetime] = {}
    for pod, containers, created_at in alive.values_list("pk", "containers", "created_at").iterator(2000):
        found.update((Run(pod, *run), created_at) for run in _runs(containers))
    begun = Q() if workloads is None else Q(pod__workload__in=workloads)
    logs = KeptLog.objects.filter(begun).exclude(pod__cluster__kubeconfig="")
    settled = logs.filter(Q(complete=True) | ~FREE).values_list("pod", "container", "instance")
    for pod, container, instance in settled.iterator(2000):
        found.pop(Run(pod, container, instance), None)
    for log in logs.filter(FREE, complete=False).select_related("pod"):
        found[Run(log.pod_id, log.container, log.instance)] = log.pod.created_at
    return found


def _runs(containers: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """(container, instance) of the latest run, and of the one before while the cluster has its log."""
    for one in containers:
        latest, ran_before = one.get("restarts", 0), bool(one.get("previous"))
        waits = one.get("state") == "waiting"
        if not waits or ran_before:
            yield one["name"], latest
        if ran_before and not waits and latest:
            yield one["name"], latest - 1
