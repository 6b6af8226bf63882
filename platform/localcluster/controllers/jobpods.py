"""The pods of a Job: making one, and what each has come to. Pure; used by the job controller."""

import copy
import re
from typing import Any

from localcluster import times

Obj = dict[str, Any]
FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
UID_LABEL = "batch.kubernetes.io/controller-uid"


def make(job: Obj, index: int | None, noted: dict[str, str]) -> Obj:
    """A new pod for `job`, for the completion `index` of an Indexed one, with the annotations `noted`."""
    meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
    kept = template.get("metadata") or {}
    name, uid = meta["name"], meta["uid"]
    labels = {"controller-uid": uid, "job-name": name, UID_LABEL: uid, "batch.kubernetes.io/job-name": name}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
    pod = {
        "metadata": {
            "generateName": f"{name}-",
            "labels": {**(kept.get("labels") or {}), **labels},
            "annotations": {**(kept.get("annotations") or {}), **noted},
            "finalizers": [FINALIZER],
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": template["spec"],
    }
    return pod if index is None else _indexed(pod, name, index)


def _indexed(pod: Obj, job_name: str, index: int) -> Obj:
    meta, spec = pod["metadata"], pod["spec"]
    meta["generateName"] = f"{job_name}-{index}-"
    meta["annotations"][INDEX] = meta["labels"][INDEX] = str(index)
    spec.setdefault("hostname", f"{job_name}-{index}")
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
        env = container.setdefault("env", [])
        if not any(one["name"] == "JOB_COMPLETION_INDEX" for one in env):
            env.append({"name": "JOB_COMPLETION_INDEX", "valueFrom": source})
    return pod


def index_of(pod: Obj) -> int:
    """The completion index; -1 for a pod without a good one."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else -1


def phase(pod: Obj) -> str:
    return (pod.get("status") or {}).get("phase", "Pending")


def tracked(pod: Obj) -> bool:
    """Not yet counted in the Job's status."""
    return FINALIZER in (pod["metadata"].get("finalizers") or [])


def leaving(pod: Obj) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def succeeded(pod: Obj) -> bool:
    return phase(pod) == "Succeeded"


def failed(pod: Obj, job: Obj) -> bool:
    """Failed, or deleted by someone: at once where the Job replaces leaving pods, else when ended."""
    if phase(pod) == "Failed":
        return True
    if not leaving(pod) or succeeded(pod):
        return False
    waits = job["spec"].get("podReplacementPolicy") == "Failed"
    return not waits or not pod["spec"].get("nodeName")


def active(pod: Obj) -> bool:
    return phase(pod) not in ("Succeeded", "Failed") and not leaving(pod)


def terminating(pod: Obj) -> bool:
    return leaving(pod) and phase(pod) not in ("Succeeded", "Failed") and bool(pod["spec"].get("nodeName"))


def ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def restarts(pod: Obj) -> int:
    """How often its containers were started again."""
    status = pod.get("status") or {}
    every = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    return sum(one.get("restartCount", 0) for one in every)


def finished_at(pod: Obj) -> float:
    """Seconds since the epoch when its last container ended, or as near to that as is known."""
    status = pod.get("status") or {}
    ends = [one["state"]["terminated"]["finishedAt"] for one in status.get("containerStatuses", [])
            if "terminated" in one.get("state", {})]  # fmt: skip
    if ends:
        return times.parse(max(ends))
    return times.parse(pod["metadata"].get("deletionTimestamp") or pod["metadata"]["creationTimestamp"])


def expendable_first(pod: Obj) -> tuple[bool, bool, bool, float]:
    """Order in which surplus pods are taken back: unbound, pending, not ready, the youngest."""
    age = times.parse(pod["metadata"]["creationTimestamp"])
    return bool(pod["spec"].get("nodeName")), phase(pod) != "Pending", ready(pod), -age
