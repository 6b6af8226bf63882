"""A figure as it is now, of whatever source: what the latest use of workloads and GPUs is made of."""

from dataclasses import dataclass
from typing import NamedTuple

from metrics.series import Labels
from workloads.models import Pod


class Figure(NamedTuple):
    """The value of one metric, in its unit; `model` is that of a GPU, where it was said."""

    metric: str
    labels: Labels
    value: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class PodNow:
    """A pod that is there, and the workload it belongs to, if any."""

    uid: str
    workload: int | None


#: By namespace and name.
PodsNow = dict[tuple[str, str], PodNow]


def pods_now(cluster: int) -> PodsNow:
    """Of one cluster; of two of the same name the one that was made last."""
    rows = Pod.objects.filter(cluster=cluster, gone_at=None).order_by("created_at", "pk")
    found = rows.values_list("namespace", "name", "uid", "workload")
    return {(namespace, name): PodNow(uid, workload) for namespace, name, uid, workload in found}
