"""The ReplicaSet controller: as many running pods as are wanted, made from the template, and the status.

It makes and takes back its own pods; pods of nobody that its selector would choose it lets be.
"""

import copy
import time
from collections.abc import Iterable
from typing import Any

from localcluster import times
from localcluster.status import ApiError

from . import jobpods
from .children import Children, Key, owner_reference
from .conditions import condition
from .runner import Controller

Obj = dict[str, Any]
SETS, COMPONENT, AT_ONCE = "replicasets.apps", "replicaset-controller", 50


class ReplicaSetController(Controller):
    resources = (SETS, "pods")

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._pods = Children(registry, "pods", "ReplicaSet")

    def keys(self, event: Any) -> Iterable[Key]:
        if event.resource == SETS:
            yield event.object["metadata"]["namespace"], event.object["metadata"]["name"]
        elif key := self._pods.note(event):
            yield key

    def reconcile(self, key: Key) -> float | None:
        try:
            replica_set = self.registry.get(SETS, *key)
        except ApiError:
            return None
        if replica_set["metadata"].get("deletionTimestamp"):
            return None
        pods = [one for one in self._pods.of(key, replica_set["metadata"]["uid"]) if jobpods.active(one)]
        missing = replica_set["spec"]["replicas"] - len(pods)
        for _ in range(min(missing, AT_ONCE)):
            pods.append(self._create(replica_set))
            self._pods.add(key, pods[-1])
        for surplus in sorted(pods, key=jobpods.expendable_first)[: max(0, -missing)]:
            self._delete(replica_set, surplus)
            pods.remove(surplus)
        wait = self._tell(replica_set, pods)
        return 0.0 if missing > AT_ONCE else wait

    def _create(self, replica_set: Obj) -> Obj:
        meta, template = replica_set["metadata"], copy.deepcopy(replica_set["spec"]["template"])
        kept = template.get("metadata") or {}
        made = {name: kept[name] for name in ("labels", "annotations", "finalizers") if name in kept}
        made |= {"generateName": f"{meta['name']}-", "ownerReferences": [owner_reference(replica_set)]}
        pod: Obj = self.registry.create(
            "pods", meta["namespace"], {"metadata": made, "spec": template["spec"]}, manager=COMPONENT
        )
        self._event(replica_set, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        return pod

    def _delete(self, replica_set: Obj, pod: Obj) -> None:
        try:
            self.registry.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
        except ApiError as error:
            if error.code != 404:
                raise
        self._event(replica_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")

    def _event(self, replica_set: Obj, reason: str, message: str) -> None:
        self.registry.event(replica_set, "Normal", reason, message, COMPONENT)

    def _tell(self, replica_set: Obj, pods: list[Obj]) -> float | None:
        """Write the status; seconds until the next ready pod is available, None for none."""
        ready = [_ready_seconds(pod) for pod in pods if jobpods.ready(pod)]
        least = replica_set["spec"].get("minReadySeconds", 0)
        waiting = [least - seconds for seconds in ready if seconds < least]
        counts = {"readyReplicas": len(ready), "availableReplicas": len(ready) - len(waiting)}
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "observedGeneration": replica_set["metadata"]["generation"],
            **counts,
        }

        def change(obj: Obj) -> None:
            zero = () if pods else ("fullyLabeledReplicas",)
            obj["status"] = {n: v for n, v in status.items() if (v or n == "replicas") and n not in zero}

        meta = replica_set["metadata"]
        self.registry.mutate(
            SETS, meta["namespace"], meta["name"], change, subresource="status", manager=COMPONENT
        )
        return min(waiting, default=None)


def _ready_seconds(pod: Obj) -> float:
    found = condition(pod, "Ready")
    return time.time() - times.parse(found["lastTransitionTime"]) if found else 0.0
