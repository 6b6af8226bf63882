"""Binds pending pods to the node that has room for what they request.

Remembers what bound pods take, so that one pass costs no list; what it binds counts at once. A pod that does
not fit is told why in kube-scheduler's words, and tried again whenever something is given back.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from localcluster import quantities
from localcluster.kinds import storage
from localcluster.kinds.pods import bind
from localcluster.registry import Deletion
from localcluster.status import ApiError

from .affinity import selects
from .conditions import put_condition
from .runner import Controller
from .volumes import claims_of

Obj = dict[str, Any]
Key = tuple[str, str]  # namespace, name
COMPONENT = "default-scheduler"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"


def requests(pod: Obj) -> Counter[str]:
    """Thousandths that the pod takes: the larger of its containers' sum and its greediest init container."""
    spec = pod["spec"]
    total: Counter[str] = Counter()
    for container in spec["containers"]:
        total.update(_container_requests(container))
    ahead: Counter[str] = Counter()
    for container in spec.get("initContainers") or []:
        needs = _container_requests(container)
        if container.get("restartPolicy") == "Always":
            total.update(needs)
            ahead.update(needs)
        else:
            for name, amount in needs.items():
                total[name] = max(total[name], amount + ahead[name])
    total.update({name: quantities.millis(amount) for name, amount in (spec.get("overhead") or {}).items()})
    total["pods"] = 1000
    return total


def _container_requests(container: Obj) -> Counter[str]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return Counter({name: quantities.millis(amount) for name, amount in asked.items()})


@dataclass
class NodeRoom:
    """One node and what the pods bound to it take together."""

    node: Obj
    taken: Counter[str] = field(default_factory=Counter)

    def misfits(self, pod: Obj) -> list[str]:
        """Why `pod` cannot go here, in kube-scheduler's words, sorted; empty when it can."""
        return self._refusals(pod) or self._shortages(pod)

    def _refusals(self, pod: Obj) -> list[str]:
        spec = self.node.get("spec") or {}
        taints = [one for one in spec.get("taints") or [] if one.get("effect") in ("NoSchedule", "NoExecute")]
        if spec.get("unschedulable"):
            taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
            if not _tolerated(pod, taint):
                return ["node(s) were unschedulable"]
            taints = [one for one in taints if one["key"] != taint["key"]]
        for taint in taints:
            if not _tolerated(pod, taint):
                return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"]
        if not selects(pod["spec"], self.node):
            return ["node(s) didn't match Pod's node affinity/selector"]
        return []

    def _shortages(self, pod: Obj) -> list[str]:
        room = (self.node.get("status") or {}).get("allocatable") or {}
        short = [
            name
            for name, amount in requests(pod).items()
            if amount > 0 and amount > quantities.millis(room.get(name, 0)) - self.taken[name]
        ]
        return sorted("Too many pods" if name == "pods" else f"Insufficient {name}" for name in short)


def _tolerated(pod: Obj, taint: Obj) -> bool:
    return any(_tolerates(one, taint) for one in pod["spec"].get("tolerations") or [])


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and (toleration.get("value") or "") == (
        taint.get("value") or ""
    )


class Scheduler(Controller):
    """One key of work: look at everything that waits, in order of priority and age."""

    resources = ("nodes", storage.CLAIMS, "pods")

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._rooms: dict[str, NodeRoom] = {}
        self._bound: dict[str, tuple[str, Counter[str]]] = {}  # pod uid -> node, requests
        self._pending: dict[str, Obj] = {}
        self._untried: set[str] = set()
        self._retry_all = False

    def keys(self, event: Any) -> Iterable[str]:
        if event.resource == "nodes":
            self._see_node(event)
        elif event.resource == storage.CLAIMS:
            self._retry_all = bool(self._pending)
        else:
            self._see_pod(event)
        if self._untried or self._retry_all:
            yield "pending"

    def _see_node(self, event: Any) -> None:
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            self._rooms.pop(name, None)
            return
        room = self._rooms.get(name)
        if room is not None and _same_offer(room.node, event.object):
            room.node = event.object
            return
        self._rooms[name] = NodeRoom(event.object)
        for node, needs in self._bound.values():
            if node == name:
                self._rooms[name].taken.update(needs)
        self._retry_all = True

    def _see_pod(self, event: Any) -> None:
        pod, uid = event.object, event.object["metadata"]["uid"]
        over = event.type == "DELETED" or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        node = pod["spec"].get("nodeName")
        if over or node:
            self._pending.pop(uid, None)
        if over:
            self._release(uid)
        elif node:
            self._take(uid, node, requests(pod))
        elif pod["spec"].get("schedulerName", "default-scheduler") == "default-scheduler":
            known = self._pending.get(uid)
            self._pending[uid] = pod
            if known is None or known["spec"] != pod["spec"]:
                self._untried.add(uid)

    def _take(self, uid: str, node: str, needs: Counter[str]) -> None:
        if uid in self._bound:
            return
        self._bound[uid] = (node, needs)
        if node in self._rooms:
            self._rooms[node].taken.update(needs)

    def _release(self, uid: str) -> None:
        node, needs = self._bound.pop(uid, ("", Counter()))
        if node in self._rooms:
            self._rooms[node].taken.subtract(needs)
        self._retry_all = self._retry_all or bool(node)

    def reconcile(self, key: str) -> float | None:
        chosen = set(self._pending) if self._retry_all else self._untried
        self._retry_all, self._untried = False, set()
        waiting = [pod for uid, pod in self._pending.items() if uid in chosen]
        for pod in sorted(waiting, key=_turn):
            try:
                self._place(pod)
            except ApiError as error:
                if error.code not in (404, 409):  # gone or bound meanwhile
                    raise
        return None

    def _place(self, pod: Obj) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            return
        if pod["spec"].get("schedulingGates"):
            self._tell(pod, "SchedulingGated", GATED)
            return
        if why := self._unclaimed(pod):
            return self._refuse(pod, f"0/{len(self._rooms)} nodes are available: {why}.")
        reasons: Counter[str] = Counter()
        for name, room in self._rooms.items():
            misfits = room.misfits(pod)
            if not misfits:
                return self._bind(pod, name)
            reasons.update(misfits)
        self._refuse(pod, self._explain(reasons))

    def _refuse(self, pod: Obj, why: str) -> None:
        if self._tell(pod, "Unschedulable", why):
            self.registry.event(pod, "Warning", "FailedScheduling", why, COMPONENT)

    def _unclaimed(self, pod: Obj) -> str:
        """What is missing of the claims that it uses; empty where all are bound, whichever node it is."""
        for place in claims_of(pod):
            try:
                claim = self.registry.get(*place)
            except ApiError:
                return f'persistentvolumeclaim "{place[2]}" not found'
            if claim["metadata"].get("deletionTimestamp"):
                return f'persistentvolumeclaim "{place[2]}" is being deleted'
            if claim["status"]["phase"] != "Bound":
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _explain(self, reasons: Counter[str]) -> str:
        if not self._rooms:
            return "no nodes available to schedule pods"
        head = f"0/{len(self._rooms)} nodes are available: "
        why = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
        scarce = any(reason.startswith(("Insufficient", "Too many")) for reason in reasons)
        hope = NO_VICTIMS if scarce else NOT_HELPFUL
        return f"{head}{why}. preemption: {head}{len(self._rooms)} {hope}."

    def _bind(self, pod: Obj, node: str) -> None:
        meta = pod["metadata"]
        target = {"target": {"kind": "Node", "name": node}}
        bind(self.registry, meta["namespace"], meta["name"], target, Deletion())
        self._pending.pop(meta["uid"], None)
        self._take(meta["uid"], node, requests(pod))
        words = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
        self.registry.event(pod, "Normal", "Scheduled", words, COMPONENT)

    def _tell(self, pod: Obj, reason: str, message: str) -> bool:
        """Writes PodScheduled=False; whether that was news."""
        meta = pod["metadata"]
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        known = (pod.get("status") or {}).get("conditions") or []
        if any(all(one.get(key) == value for key, value in condition.items()) for one in known):
            return False
        written = self.registry.mutate(
            "pods",
            meta["namespace"],
            meta["name"],
            lambda current: put_condition(current["status"], condition),
            subresource="status",
            manager="kube-scheduler",
        )
        self._pending[meta["uid"]] = written
        return True


def _turn(pod: Obj) -> tuple[int, str]:
    """The more important first, then the older; sorting keeps the order of arrival within one second."""
    return -(pod["spec"].get("priority") or 0), pod["metadata"]["creationTimestamp"]


def _same_offer(old: Obj, new: Obj) -> bool:
    """Nothing that matters for placing pods has changed: heartbeats do not cause a new look."""
    parts = [
        (one.get("spec"), one["metadata"].get("labels"), (one.get("status") or {}).get("allocatable"))
        for one in (old, new)
    ]
    return parts[0] == parts[1]
