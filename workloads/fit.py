"""Whether a pod would find room on a cluster, in words: before it is submitted, and while it waits for ever.

An estimate from rows alone: the scheduler decides, and knows taints and rules that are not seen here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Sum

from runyard.clusters import quantities
from runyard.clusters.models import Cluster, Node
from runyard.kit.pages import cores, counted, gib
from workloads.models import Pod
from workloads.spec import WorkloadSpec


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


def outlook(cluster: Cluster, training: WorkloadSpec) -> Outlook:
    """What would happen to `training`, whose amounts are valid, if it were submitted now."""
    asked = Amounts(int(training.gpus), quantities.millis(training.cpu), quantities.whole(training.memory))
    nodes = _usable(cluster.pk)
    if not nodes:
        return Outlook("wait", "Will wait.", f"No node of {cluster} is ready.")
    if too_much := _too_much(nodes, asked):
        return Outlook("fail", "Will not start.", f"{too_much}.")
    free = _free(cluster.pk, nodes)
    roomy = [node.name for node in nodes if not free[node.name].lacks(asked)]
    if roomy:
        where = roomy[0] if len(roomy) == 1 else counted(len(roomy), "node")
        return Outlook("run", "Starts now.", f"There is room on {where}.")
    return _waits(nodes, free, asked)


class Room:
    """What the nodes of one cluster have in all, read when first asked for."""

    def __init__(self, cluster_pk: int):
        self._cluster_pk = cluster_pk

    @cached_property
    def _nodes(self) -> list[Node]:
        return _usable(self._cluster_pk)

    def too_much(self, pod: Pod) -> str:
        """Why `pod` waits for ever: what it asks for that no node has, even empty. Empty where one has it."""
        return _too_much(self._nodes, _asked(pod))

    def short_of(self, pod: Pod) -> str:
        """What would have to be free for `pod`, and the most that is; empty where a node has it all.

        "8 GPUs on one node asked for; the largest free block is 3 GPUs, on node-7".
        """
        asked, free = _asked(pod), _free(self._cluster_pk, self._nodes)
        if not free or any(not amounts.lacks(asked) for amounts in free.values()):
            return ""
        best = min(free, key=lambda node: len(free[node].lacks(asked)))
        name = free[best].lacks(asked)[0]
        most = max(free, key=lambda node: getattr(free[node], name))
        return (
            f"{_say(name, asked)} on one node asked for; the largest free block is {_say(name, free[most])}, "
            f"on {most}"
        )


def _asked(pod: Pod) -> Amounts:
    return Amounts(pod.gpu_millis / 1000, pod.cpu_millis, pod.memory_bytes)


def _usable(cluster_pk: int) -> list[Node]:
    rows = Node.objects.filter(cluster=cluster_pk, ready=True, unschedulable=False)
    return list(rows.order_by("name"))


def _total(node: Node) -> Amounts:
    return Amounts(node.gpus, node.cpu_millis, node.memory_bytes)


def _free(cluster_pk: int, nodes: Iterable[Node]) -> dict[str, Amounts]:
    """What pods that have not ended leave of each node."""
    pods = (
        Pod.objects.filter(cluster=cluster_pk, gone_at=None)
        .exclude(node="")
        .exclude(phase__in=["Succeeded", "Failed"])
    )
    taken = pods.values_list("node").annotate(Sum("gpu_millis"), Sum("cpu_millis"), Sum("memory_bytes"))
    held = {node: (gpus / 1000, cpu, memory) for node, gpus, cpu, memory in taken.order_by()}
    free = {}
    for node in nodes:
        gpus, cpu, memory = held.get(node.name, (0, 0, 0))
        free[node.name] = Amounts(node.gpus - gpus, node.cpu_millis - cpu, node.memory_bytes - memory)
    return free


def _too_much(nodes: list[Node], asked: Amounts) -> str:
    """What `asked` has more of than any of `nodes` in all, in words; empty where one has enough."""
    if not nodes or any(not _total(node).lacks(asked) for node in nodes):
        return ""
    largest = Amounts(
        max(n.gpus for n in nodes), max(n.cpu_millis for n in nodes), max(n.memory_bytes for n in nodes)
    )
    what = "; ".join(
        f"{_say(name, asked)} asked for, the largest node has {_say(name, largest)}"
        for name in largest.lacks(asked)
    )
    return what or "No single node has all of this together"


def _waits(nodes: list[Node], free: dict[str, Amounts], asked: Amounts) -> Outlook:
    best = min((n for n in nodes if not _total(n).lacks(asked)), key=lambda n: len(free[n.name].lacks(asked)))
    short = free[best.name].lacks(asked)
    what = "; ".join(
        f"{_say(name, asked)} asked for, {_say(name, free[best.name])} free on {best.name}" for name in short
    )
    return Outlook("wait", "Will wait.", f"{what}. It starts when enough is given back.")


def _say(name: str, amounts: Amounts) -> str:
    """ "3 GPUs", "0.5 GPUs", "0 CPU", "12 GiB of memory"; what is given away twice is none, never less."""
    value = max(0, getattr(amounts, name))
    if name == "gpus":
        return f"{value:g} GPU{'s' if value != 1 else ''}"
    if name == "cpu_millis":
        return f"{cores(int(value)) if value else 0} CPU"
    return f"{gib(int(value)) if value else '0 GiB'} of memory"
