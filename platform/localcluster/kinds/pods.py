"""Rules of core/v1 Pods: defaults, what the server sets, what may change, grace, binding and eviction.

The checks of the spec itself, shared with pod templates, are in `pod_spec`.
"""

from __future__ import annotations

import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcluster.kinds import pod_spec
from localcluster.quantities import parse
from localcluster.status import bad_request, conflict
from localcluster.validation import Problems

if TYPE_CHECKING:
    from localcluster.registry import Deletion, Registry

Obj = dict[str, Any]

FIELDS = {
    "spec.nodeName": lambda obj: obj["spec"].get("nodeName", ""),
    "spec.restartPolicy": lambda obj: obj["spec"].get("restartPolicy", ""),
    "spec.schedulerName": lambda obj: obj["spec"].get("schedulerName", ""),
    "spec.serviceAccountName": lambda obj: obj["spec"].get("serviceAccountName", ""),
    "spec.hostNetwork": lambda obj: str(bool(obj["spec"].get("hostNetwork"))).lower(),
    "status.phase": lambda obj: obj.get("status", {}).get("phase", ""),
    "status.podIP": lambda obj: obj.get("status", {}).get("podIP", ""),
    "status.nominatedNodeName": lambda obj: obj.get("status", {}).get("nominatedNodeName", ""),
}

LISTS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "schedulingGates": ("name",),
    "resourceClaims": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "podIPs": ("ip",),
    "hostIPs": ("ip",),
}

_NOT_READY_SECONDS = 300
_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def default(obj: Obj) -> None:
    pod_spec.default(obj.setdefault("spec", {}))


def prepare(obj: Obj, old: Obj | None, now: datetime) -> None:
    """On create: the empty status and what admission adds on a stock cluster."""
    if old is not None:
        return
    spec = obj["spec"]
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    if spec["terminationGracePeriodSeconds"] < 0:
        spec["terminationGracePeriodSeconds"] = 1
    _tolerate_short_outages(spec)
    obj["status"] = {"phase": "Pending", "qosClass": _quality_of_service(spec)}


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    pod_spec.validate(obj["spec"], "spec", problems)
    if old is not None:
        _validate_change(obj["spec"], old["spec"], problems)


def grace(obj: Obj, asked: int | None) -> int:
    """Seconds the kubelet gets; 0 where no kubelet has, or still has, anything to end."""
    if not obj["spec"].get("nodeName") or obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    seconds = obj["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked
    return seconds if seconds >= 0 else 1


def bind(registry: Registry, namespace: str, name: str, body: Obj, how: Deletion) -> Obj:
    """POST pods/NAME/binding: what a scheduler sends."""
    target = body.get("target") or {}
    node = target.get("name") if isinstance(target, dict) else None
    if not isinstance(node, str) or not node:
        raise bad_request("Binding.target.name: Required value")

    def assign(pod: Obj) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            raise conflict("pods/binding", name, f"pod {name} is being deleted, cannot be assigned to a host")
        if taken := pod["spec"].get("nodeName"):
            raise conflict("pods/binding", name, f'pod {name} is already assigned to node "{taken}"')
        pod["spec"]["nodeName"] = node
        others = [one for one in pod["status"].get("conditions") or [] if one.get("type") != "PodScheduled"]
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        scheduled["lastTransitionTime"] = registry.timestamp()
        pod["status"]["conditions"] = [*others, scheduled]

    registry.mutate(
        "pods", namespace, name, assign, subresource="binding", manager="kube-scheduler", dry_run=how.dry_run
    )
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def evict(registry: Registry, namespace: str, name: str, body: Obj, how: Deletion) -> Obj:
    """POST pods/NAME/eviction: a deletion; there are no disruption budgets here to refuse it."""
    registry.remove("pods", namespace, name, how)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _tolerate_short_outages(spec: Obj) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(one.get("key") in (key, None, "") and _covers_no_execute(one) for one in tolerations):
            one = {"key": key, "operator": "Exists", "effect": "NoExecute"}
            tolerations.append(one | {"tolerationSeconds": _NOT_READY_SECONDS})


def _covers_no_execute(toleration: Obj) -> bool:
    return toleration.get("effect") in (None, "", "NoExecute")


def _quality_of_service(spec: Obj) -> str:
    """Guaranteed: all cpu and memory limits equal their requests. BestEffort: there are none."""
    containers = [*spec.get("containers", []), *(spec.get("initContainers") or [])]
    claims = [one.get("resources") or {} for one in containers]
    if not any(
        _positive(claim.get(side), name)
        for claim in claims
        for side in ("requests", "limits")
        for name in _QOS
    ):
        return "BestEffort"
    return "Guaranteed" if all(_guaranteed(claim) for claim in claims) else "Burstable"


_QOS = ("cpu", "memory")


def _positive(amounts: Obj | None, name: str) -> bool:
    return _amount(amounts, name) > 0


def _amount(amounts: Obj | None, name: str) -> Any:
    return parse((amounts or {}).get(name, 0))


def _guaranteed(claim: Obj) -> bool:
    limits, requests = claim.get("limits"), claim.get("requests")
    return all(_positive(limits, name) and _amount(limits, name) == _amount(requests, name) for name in _QOS)


def _validate_change(new: Obj, old: Obj, problems: Problems) -> None:
    """Whatever is left different once the changeable fields are put back was not changeable."""
    restored = copy.deepcopy(new)
    for part in ("containers", "initContainers"):
        for now, before in zip(restored.get(part) or [], old.get(part) or [], strict=False):
            now["image"] = before.get("image")
    _restore_deadline(restored, old, problems)
    _restore_tolerations(restored, old, problems)
    _restore_gates(restored, old, problems)
    if old.get("terminationGracePeriodSeconds", 0) < 0 and new.get("terminationGracePeriodSeconds") == 1:
        restored["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    if not old.get("nodeName") and new.get("nodeName"):
        restored.pop(
            "nodeName"
        )  # an update only gets here with a new nodeName by way of the binding subresource
    if restored != old:
        problems.forbidden("spec", _MAY_CHANGE)


def _restore_deadline(new: Obj, old: Obj, problems: Problems) -> None:
    deadline, before = new.pop("activeDeadlineSeconds", None), old.get("activeDeadlineSeconds")
    if before is not None:
        new["activeDeadlineSeconds"] = before
        if deadline is None or deadline > before:
            why = f"must be less than or equal to previous value ({before})"
            problems.invalid("spec.activeDeadlineSeconds", deadline, why)


def _restore_tolerations(new: Obj, old: Obj, problems: Problems) -> None:
    before, after = old.get("tolerations") or [], new.pop("tolerations", None) or []
    if any(one not in after for one in before):
        problems.forbidden(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )
    if "tolerations" in old:
        new["tolerations"] = before


def _restore_gates(new: Obj, old: Obj, problems: Problems) -> None:
    """Gates may only go; while any is there the node selector may still be narrowed."""
    before, after = old.get("schedulingGates") or [], new.pop("schedulingGates", None) or []
    if any(one not in before for one in after):
        problems.forbidden("spec.schedulingGates", "only deletion is allowed, but found new scheduling gate")
    if "schedulingGates" in old:
        new["schedulingGates"] = old["schedulingGates"]
    wanted, had = new.get("nodeSelector") or {}, old.get("nodeSelector") or {}
    if before and all(wanted.get(key) == value for key, value in had.items()):
        new.pop("nodeSelector", None)
        if "nodeSelector" in old:
            new["nodeSelector"] = old["nodeSelector"]
