"""GPUs that pods share: KAI gives each to a pod that reserves it, so figures come of that one.

They are parted among the pods that use it, by what each asked for; a temperature is everybody's. For
`metrics.reading` (over time) and `metrics.latest` (now). Of pods that a viewer may not see only shares count.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from metrics.question import PodTime
from metrics.series import METRICS, Series, Times, Unit, Values
from workloads.models import Pod

#: By the uid of a reservation: the workload of each pod that uses its GPU, and its part.
Users = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class Sharing:
    """`held`: all users of a GPU, by the uid of its reservation; `asked`: the uids of those asked for."""

    held: dict[str, list[Pod]] = field(default_factory=dict)
    reservations: tuple[PodTime, ...] = ()
    asked: frozenset[str] = frozenset()

    def parted(self, found: Iterable[Series]) -> list[Series]:
        """`found`, with each series of a reservation in parts: one for each pod that was asked for."""
        series: list[Series] = []
        for one in found:
            users = self.held.get(one.labels.pod_uid)
            series += [one] if users is None else self._parts(one, users)
        return series

    def _parts(self, one: Series, users: Sequence[Pod]) -> Iterable[Series]:
        if not users:
            return
        there = np.vstack([_there(PodTime.of(pod), one.times) for pod in users])
        shares = there * np.array(_shares(users))[:, None]
        whole = shares.sum(axis=0)
        for pod, its, share in zip(users, there, shares, strict=True):
            if pod.uid in self.asked:
                part = share / np.where(whole, whole, 1) if is_parted(one.metric) else 1.0
                labels = replace(
                    one.labels, namespace=pod.namespace, pod=pod.name, pod_uid=pod.uid, container=""
                )
                yield replace(one, labels=labels, values=np.where(its, one.values * part, np.nan))


def sharing_of(pods: Sequence[Pod]) -> Sharing:
    """Of `pods`, all of one cluster. Those that share nothing cost no query."""
    groups = {group for pod in pods if not pod.reserves_gpu for group in pod.gpu_groups}
    if not groups:
        return Sharing()
    of_cluster = Pod.objects.filter(cluster=pods[0].cluster_id).exclude(gpu_groups=[])
    rows = of_cluster.filter(gpu_groups__overlap=sorted(groups))
    reserving, users = _sorted_out(rows.order_by("created_at", "pk"))
    return Sharing(
        {pod.uid: _users(pod, users) for pod in reserving},
        tuple(PodTime.of(pod) for pod in reserving),
        frozenset(pod.uid for pod in pods),
    )


def users_now(cluster: int) -> Users:
    """Whose the GPUs of reservations are now, in parts that add up to one."""
    rows = Pod.objects.filter(cluster=cluster, gone_at=None, finished_at=None).exclude(gpu_groups=[])
    reserving, users = _sorted_out(rows)
    return {pod.uid: _parts_of(_users(pod, users)) for pod in reserving}


def is_parted(metric: str) -> bool:
    return METRICS[metric].unit is not Unit.CELSIUS


def _sorted_out(rows: Iterable[Pod]) -> tuple[list[Pod], dict[str, list[Pod]]]:
    """Those that reserve, and by group those that use. Labels are anybody's: nobody's workload reserves."""
    reserving: list[Pod] = []
    users: dict[str, list[Pod]] = defaultdict(list)
    for pod in rows:
        if pod.reserves_gpu and pod.workload_id is None:
            reserving.append(pod)
        elif not pod.reserves_gpu:
            for group in pod.gpu_groups:
                users[group].append(pod)
    return reserving, users


def _users(reservation: Pod, users: dict[str, list[Pod]]) -> list[Pod]:
    """Of the same node: a GPU is used where it is."""
    found = [pod for group in reservation.gpu_groups for pod in users.get(group, ())]
    return [pod for pod in found if pod.node == reservation.node]


def _parts_of(users: Sequence[Pod]) -> list[tuple[int, float]]:
    shares, parts = _shares(users), defaultdict[int, float](float)
    for pod, share in zip(users, shares, strict=True):
        if pod.workload_id:
            parts[pod.workload_id] += share / sum(shares)
    return list(parts.items())


def _shares(users: Sequence[Pod]) -> list[float]:
    """What each asked for of one GPU: a part, or memory; where neither compares them all the same."""
    for amount in ("gpu_millis", "gpu_memory_bytes"):
        shares = [getattr(pod, amount) / len(pod.gpu_groups) for pod in users]
        if all(shares):
            return shares
    return [1.0] * len(users)


def _there(pod: PodTime, times: Times) -> Values:
    """1 where a step ends in its life, else 0."""
    step = int(times[1] - times[0]) if len(times) > 1 else 0
    alive = (times > pod.since) & ((pod.until is None) | (times < (pod.until or 0) + step))
    return alive.astype(float)
