"""Which schedulers and operators for AI a cluster has, by its API groups; and its nodes with GPUs."""

from collections.abc import Iterator

import msgspec

from runyard.clusters.models import Cluster
from runyard.clusters.objects import ListMeta, Node
from runyard.clusters.observed import node_row
from runyard.doctor.findings import Finding, absent, fine, problem, warning
from runyard.doctor.visit import Visit, listed
from workloads.queueing.schedulers import SCHEDULERS

MOST_NODES = 500
OPERATORS = {
    "kubeflow.org": "Kubeflow Training Operator",
    "trainer.kubeflow.org": "Kubeflow Trainer",
    "jobset.x-k8s.io": "JobSet",
    "leaderworkerset.x-k8s.io": "LeaderWorkerSet",
    "ray.io": "KubeRay",
    "serving.knative.dev": "Knative Serving",
    "serving.kserve.io": "KServe",
    "argoproj.io": "Argo",
    "nvidia.com": "NVIDIA GPU operator",
    "resource.k8s.io": "dynamic resource allocation",
}


class _Version(msgspec.Struct):
    version: str


class _Group(msgspec.Struct):
    name: str
    versions: list[_Version]


class _Groups(msgspec.Struct):
    groups: list[_Group]


class _Nodes(msgspec.Struct):
    metadata: ListMeta
    items: list[Node]


def check_groups(visit: Visit) -> Iterator[Finding]:
    """What is served is learned here. Raises ClusterError."""
    groups = visit.ask("/apis", _Groups).groups
    visit.groups = {group.name: tuple(one.version for one in group.versions) for group in groups}
    yield from _schedulers(visit)
    there = [name for group, name in OPERATORS.items() if group in visit.groups]
    yield fine("operators", f"{', '.join(there)}.") if there else absent("operators", "None that we know.")


def _schedulers(visit: Visit) -> Iterator[Finding]:
    """Those whose queues we read, as long as they serve a version that we know."""
    there = [one for one in SCHEDULERS.values() if one.group in visit.groups]
    for one in there:
        versions = visit.groups[one.group]
        if not set(versions) & set(one.versions):
            says = f"{one.name} serves {listed(versions)}; Runyard reads {listed(one.versions)}."
            yield warning("schedulers", says, f"Use such a {one.name}, or look for a newer Runyard.")
    names = [*(one.name for one in there), "Kubernetes' own"]
    yield fine("schedulers", f"{', '.join(names)}.")


def check_nodes(visit: Visit) -> Iterator[Finding]:
    """How many are ready, and how many GPUs they have; of the first 500. Raises ClusterError."""
    found = visit.ask("/api/v1/nodes", _Nodes, limit=MOST_NODES)
    rows = [node_row(Cluster(), node) for node in found.items]
    ready = [row for row in rows if row.ready]
    gpus = [row.gpus for row in ready if row.gpus]
    visit.node, visit.gpus = (ready[0].name if ready else ""), bool(gpus)
    more = f" of the first {MOST_NODES}" if found.metadata.continue_ else ""
    says = f"{len(ready)} of {len(rows)} ready{more}; {sum(gpus)} GPUs on {len(gpus)} of them."
    if not ready:
        yield problem("nodes", says, "Nothing can run; see `kubectl describe nodes`.")
    elif not gpus:
        yield warning("nodes", says, "For GPUs, install NVIDIA's device plugin or GPU operator.")
    else:
        yield fine("nodes", says)
