"""What Runyard asks of a cluster: the one declaration of its rights, and what it cannot do without them.

`rbac` makes the manifest of it, `runyard.doctor` asks the cluster whether we have them; a test records
what the product really asks and holds that it is this, no less and no more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

KUEUE, KAI, VOLCANO = "kueue.x-k8s.io", "scheduling.run.ai", "scheduling.volcano.sh"
QUEUES = "visibility.kueue.x-k8s.io"
USAGE = "metrics.k8s.io"


@dataclass(frozen=True, slots=True)
class Use:
    """What rights are for. `needed`: Runyard cannot work without; `loss`: how it is then."""

    title: str
    loss: str
    needed: bool = False
    writes: bool = False
    caution: str = ""


FOLLOW = Use("following workloads", "nothing of the cluster is shown", needed=True)
ACT = Use("submitting, stopping, running and deleting", "people can only look", needed=True, writes=True)
READ = Use("logs and live manifests", "nobody can read a log", needed=True)
CONNECT = Use("connecting to tools", "nobody can open a notebook or a dashboard", writes=True)
QUEUEING = Use("why workloads wait in queues, and how long they are safe", "what the queues say is not shown")
SWITCH = Use("stopping and running what Kueue holds", "only Kueue's own people can", writes=True)
FIGURES = Use("figures of use", "figures come from other sources, or are missing")
KUBELETS = Use(
    "figures of use that the nodes have",
    "they come from a Prometheus or metrics-server",
    caution="whoever has this can run commands in every pod: leave it out where there is a Prometheus",
)


@dataclass(frozen=True, slots=True)
class Right:
    """`verbs` on a resource ("pods/log" with its subresource) of an API group, "" for the core.

    `everywhere`: asked of the whole cluster at once; the others in the namespaces of projects only.
    """

    use: Use
    group: str
    resource: str
    verbs: tuple[str, ...]
    everywhere: bool = False

    @property
    def optional_group(self) -> bool:
        """Whether a cluster need not serve its group."""
        return self.group not in ("", "batch")


_FOLLOWED = ("list", "watch")
RIGHTS = (
    Right(FOLLOW, "", "pods", _FOLLOWED, everywhere=True),
    Right(FOLLOW, "", "events", _FOLLOWED, everywhere=True),
    Right(FOLLOW, "", "nodes", _FOLLOWED, everywhere=True),
    Right(FOLLOW, "batch", "jobs", _FOLLOWED, everywhere=True),
    Right(ACT, "batch", "jobs", ("create", "patch", "delete")),
    Right(READ, "batch", "jobs", ("get",)),
    Right(READ, "", "pods", ("get",)),
    Right(READ, "", "pods/log", ("get",)),
    Right(CONNECT, "", "pods/proxy", ("get", "create", "update", "patch", "delete")),
    Right(QUEUEING, KUEUE, "workloads", _FOLLOWED, everywhere=True),
    Right(QUEUEING, KAI, "podgroups", _FOLLOWED, everywhere=True),
    Right(QUEUEING, KAI, "queues", _FOLLOWED, everywhere=True),
    Right(QUEUEING, VOLCANO, "podgroups", _FOLLOWED, everywhere=True),
    Right(QUEUEING, QUEUES, "localqueues/pendingworkloads", ("get",)),
    Right(SWITCH, KUEUE, "workloads", ("patch",)),
    Right(FIGURES, USAGE, "pods", ("list",), everywhere=True),
    Right(FIGURES, "", "pods/proxy", ("get",), everywhere=True),
    Right(FIGURES, "", "services", ("list",), everywhere=True),
    Right(FIGURES, "", "services/proxy", ("get",), everywhere=True),
    Right(KUBELETS, "", "nodes/proxy", ("get",), everywhere=True),
)
#: Of the API server itself: is it well, which version is it, what does it serve.
URLS = ("/readyz", "/version", "/apis")


def rights(*, read_only: bool = False) -> Iterator[Right]:
    """All of them, or those of a Runyard with which people only look."""
    return (right for right in RIGHTS if not (read_only and right.use.writes))


def served(found: Iterable[Right], groups: Iterable[str]) -> list[Right]:
    """Those of `found` that mean something to a cluster with the API groups `groups`."""
    there = frozenset(groups)
    return [right for right in found if not right.optional_group or right.group in there]
