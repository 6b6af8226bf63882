"""A pod's status from its containers, in Kubernetes' terms. Pure; used by pods."""

from collections.abc import Iterable
from typing import Any

from localcluster import times

from .addresses import HOST_IP
from .container import Container

Obj = dict[str, Any]
TERMINAL = ("Succeeded", "Failed")


def phase_of(containers: list[Container], policy: str, ended: bool) -> str:
    """The phase; `ended` when nothing will be started any more, so that a stopped pod is a finished one."""
    init = [one for one in containers if one.init and not one.sidecar]
    main = [one for one in containers if not one.init]
    if ended and not any(one.alive for one in containers):
        return "Succeeded" if main and all(one.succeeded for one in main) else "Failed"
    if policy == "Never" and any(one.exited and not one.succeeded for one in init):
        return "Failed"
    if not all(one.succeeded for one in init) or any(_never_ran(one) for one in main):
        return "Pending"
    if any(one.alive for one in containers):
        return "Running"
    if policy == "Always" or (policy == "OnFailure" and not all(one.succeeded for one in main)):
        return "Running"
    return "Succeeded" if all(one.succeeded for one in main) else "Failed"


def _never_ran(container: Container) -> bool:
    record = container.record
    return container.previous is None and (record is None or record.phase == "starting")


def container_statuses(containers: list[Container]) -> Obj:
    """containerStatuses and, when there are any, initContainerStatuses."""
    init = [one for one in containers if one.init]
    waiting = "ContainerCreating" if all(one.succeeded or one.sidecar for one in init) else "PodInitializing"
    body: Obj = {"containerStatuses": [one.status(waiting) for one in containers if not one.init]}
    if init:
        body["initContainerStatuses"] = [one.status("PodInitializing") for one in init]
    return body


def conditions(containers: list[Container], phase: str, prepared: bool) -> list[Obj]:
    """The kubelet's own conditions, without times."""
    incomplete = [one.name for one in containers if one.init and not (one.succeeded or one.sidecar)]
    unready = [one.name for one in containers if not one.init and not one.ready]
    initialized = {"type": "Initialized", "status": "True"}
    if incomplete:
        message = f"containers with incomplete status: [{' '.join(incomplete)}]"
        initialized |= {"status": "False", "reason": "ContainersNotInitialized", "message": message}
    verdict: Obj = {"status": "True"}
    if phase in TERMINAL:
        verdict = {"status": "False", "reason": "PodCompleted" if phase == "Succeeded" else "PodFailed"}
    elif unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        verdict = {"status": "False", "reason": "ContainersNotReady", "message": message}
    sandbox = "True" if prepared and phase not in TERMINAL else "False"
    return [
        {"type": "PodReadyToStartContainers", "status": sandbox},
        initialized,
        {"type": "Ready", **verdict},
        {"type": "ContainersReady", **verdict},
        {"type": "PodScheduled", "status": "True"},
    ]


def merge_conditions(old: Iterable[Obj], new: list[Obj]) -> list[Obj]:
    """`new` with the times of those in `old` that say the same; what others wrote in `old` stays."""
    before = {one["type"]: one for one in old}
    merged = []
    for one in new:
        same = before.get(one["type"], {}).get("status") == one["status"]
        since = before[one["type"]].get("lastTransitionTime") if same else None
        merged.append({**one, "lastProbeTime": None, "lastTransitionTime": since or times.now()})
    ours = {one["type"] for one in new}
    return merged + [one for kind, one in before.items() if kind not in ours]


def set_condition(status: Obj, condition: Obj) -> None:
    """Puts one condition into `status`, its time moving only when its status does."""
    old = status.get("conditions") or []
    merged = merge_conditions([one for one in old if one["type"] == condition["type"]], [condition])
    kept = [merged[0] if one["type"] == condition["type"] else one for one in old]
    status["conditions"] = kept if merged[0] in kept else [*kept, merged[0]]


def describe(containers: list[Container], policy: str, ip: str, ended: bool) -> Obj:
    """phase, conditions, container statuses and addresses; `ip` is "" while the pod is not prepared."""
    phase = phase_of(containers, policy, ended)
    body: Obj = {"phase": phase, "hostIP": HOST_IP, "hostIPs": [{"ip": HOST_IP}]}
    if ip:
        body |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    body["conditions"] = conditions(containers, phase, bool(ip))
    return body | container_statuses(containers)
