"""Whether a pod would find room on a cluster now, in words, before it is submitted.

An estimate from rows alone: the scheduler decides, and knows taints and rules that are not seen here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from runyard.clusters import quantities
from runyard.clusters.models import Cluster, Node
from runyard.kit.pages import cores, counted, gib
from workloads.models import Pod
from workloads.spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class Amounts:
    """GPUs, millicores and bytes; of a pod, or free on a node."""

    gpus: float = 0
    cpu_millis: float = 0
    memory_bytes: float = 0

    def lacks(self, asked: "Amounts") -> list[str]:
        """The names of what `asked` has more of."""
        return [
            name
            for name in ("gpus", "cpu_millis", "memory_bytes")
            if getattr(self, name) < getattr(asked, name)
        ]


@dataclass(frozen=True, slots=True)
class Outlook:
    """`mark` is `run` (starts now), `wait` (no room yet), `fail` (never fits) or `idle` (not known)."""

    mark: str
    headline: str
    words: str


def outlook(cluster: Cluster, training: TrainingSpec) -> Outlook:
    """What would happen to `training`, whose amounts are valid, if it were submitted now."""
    asked = Amounts(int(training.gpus), quantities.millis(training.cpu), quantities.whole(training.memory))
    nodes = [node for node in cluster.nodes.order_by("name") if node.ready and not node.unschedulable]
    if not nodes:
        return Outlook("wait", "Will wait.", f"No node of {cluster} is ready.")
    if not any(not _total(node).lacks(asked) for node in nodes):
        return _never(nodes, asked)
    free = _free(cluster, nodes)
    roomy = [node.name for node in nodes if not free[node.name].lacks(asked)]
    if roomy:
        where = roomy[0] if len(roomy) == 1 else counted(len(roomy), "node")
        return Outlook("run", "Starts now.", f"There is room on {where}.")
    return _waits(nodes, free, asked)


def _total(node: Node) -> Amounts:
    return Amounts(node.gpus, node.cpu_millis, node.memory_bytes)


def _free(cluster: Cluster, nodes: Iterable[Node]) -> dict[str, Amounts]:
    """What pods that have not ended leave of each node; a pod's share of its workload is an equal one."""
    gpus: Counter[str] = Counter()
    cpu: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    pods = (
        Pod.objects.filter(cluster=cluster, gone_at=None)
        .exclude(node="")
        .exclude(phase__in=["Succeeded", "Failed"])
    )
    shares = pods.values_list(
        "node", "gpu_millis", "workload__cpu_millis", "workload__memory_bytes", "workload__pods_requested"
    )
    for node, gpu_millis, cpu_millis, memory_bytes, together in shares:
        gpus[node] += gpu_millis / 1000  # type: ignore[assignment]
        cpu[node] += (cpu_millis or 0) // max(together or 1, 1)
        memory[node] += (memory_bytes or 0) // max(together or 1, 1)
    return {
        n.name: Amounts(n.gpus - gpus[n.name], n.cpu_millis - cpu[n.name], n.memory_bytes - memory[n.name])
        for n in nodes
    }


def _never(nodes: list[Node], asked: Amounts) -> Outlook:
    largest = Amounts(
        max(n.gpus for n in nodes), max(n.cpu_millis for n in nodes), max(n.memory_bytes for n in nodes)
    )
    short = largest.lacks(asked)
    what = "; ".join(
        f"{_say(name, asked)} asked for, the largest node has {_say(name, largest)}" for name in short
    )
    return Outlook("fail", "Will not start.", f"{what or 'No single node has all of this together'}.")


def _waits(nodes: list[Node], free: dict[str, Amounts], asked: Amounts) -> Outlook:
    best = min((n for n in nodes if not _total(n).lacks(asked)), key=lambda n: len(free[n.name].lacks(asked)))
    short = free[best.name].lacks(asked)
    what = "; ".join(
        f"{_say(name, asked)} asked for, {_say(name, free[best.name])} free on {best.name}" for name in short
    )
    return Outlook("wait", "Will wait.", f"{what}. It starts when enough is given back.")


def _say(name: str, amounts: Amounts) -> str:
    value = max(0, int(getattr(amounts, name)))
    if name == "gpus":
        return counted(value, "GPU")
    return f"{cores(value)} CPU" if name == "cpu_millis" else f"{gib(value)} of memory"
