"""What a workload's metadata say of where it belongs: owner, application, priority, labels. Pure.

Labels are anybody's to write: they are facts to show, never rights.
"""

from collections.abc import Mapping
from typing import Any

from runyard.clusters.objects import Meta, PodTemplate
from workloads.kinds.kind import Kind
from workloads.models import Preemptible
from workloads.spec import KEY_LABEL

MOST_LABELS = 100
_PREEMPTIBLE: dict[str, str] = {"preemptible": Preemptible.YES, "non-preemptible": Preemptible.NO}
#: KAI's own priority classes; below 100 is preemptible, and a training without one counts as "train".
_OF_KAI: dict[str, str] = {
    "": Preemptible.YES,
    "train": Preemptible.YES,
    "build-preemptible": Preemptible.YES,
    "build": Preemptible.NO,
    "inference": Preemptible.NO,
}


def belonging(kind: Kind, meta: Meta, template: PodTemplate) -> dict[str, Any]:
    """The columns of a Workload row that its metadata and its template's decide."""
    labels = {**(template.metadata.labels or {}), **(meta.labels or {})}
    priority = labels.get("priorityClassName") or template.spec.priority_class_name or ""
    return {
        "priority": priority[:253],
        "preemptible": _preemptible(labels, priority, template.spec.scheduler_name or ""),
        "application": _application(labels, meta.annotations or {})[:253],
        "owner_chain": _owner_chain(kind, meta)[:1024],
        "labels": _own_labels(meta),
    }


#: Labels that name a pod's part in its workload, with those that number it; in the order they are asked.
_ROLES = (
    ("training.kubeflow.org/replica-type", "training.kubeflow.org/replica-index"),
    ("jobset.sigs.k8s.io/replicatedjob-name", "jobset.sigs.k8s.io/job-index"),
    ("ray.io/node-type", ""),
    ("spark-role", "spark-exec-id"),
)
_RANK = "batch.kubernetes.io/job-completion-index"


def role(meta: Meta) -> str:
    """A pod's part in its workload: "worker 3", "rank 0"; empty where nothing says so."""
    labels = meta.labels or {}
    for named, numbered in _ROLES:
        if name := labels.get(named):
            return f"{name} {labels.get(numbered, '')}".strip()[:63]
    rank = labels.get(_RANK) or (meta.annotations or {}).get(_RANK)
    return f"rank {rank}"[:63] if rank else ""


def _own_labels(meta: Meta) -> list[str]:
    """As key=value; people's plain keys come before those with a prefix, which programs write."""
    keys = sorted((meta.labels or {}).keys() - {KEY_LABEL}, key=lambda key: ("/" in key, key))
    return [f"{key}={(meta.labels or {})[key]}" for key in keys[:MOST_LABELS]]


def _preemptible(labels: Mapping[str, str], priority: str, scheduler: str) -> str:
    """Only where something says so: plain Kubernetes has no such word."""
    said = _PREEMPTIBLE.get(labels.get("kai.scheduler/preemptibility", ""))
    return said or (_OF_KAI.get(priority, "") if scheduler == "kai-scheduler" else "")


def _application(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """The application it is part of, else the Helm release it came with."""
    helm = labels.get("app.kubernetes.io/managed-by") == "Helm"
    return (
        labels.get("app.kubernetes.io/part-of")
        or annotations.get("meta.helm.sh/release-name")
        or (labels.get("app.kubernetes.io/instance") if helm else "")
        or ""
    )


def _owner_chain(kind: Kind, meta: Meta) -> str:
    """ "CronJob nightly > Job nightly-123"; empty for what nothing owns."""
    owner = meta.controller
    return f"{owner.kind} {owner.name} > {kind.api_kind} {meta.name}" if owner else ""
