"""The Deployment controller: one ReplicaSet for each template, rolled from the old ones to the new one.

Each look reads the Deployment and its sets, takes one step, and writes the status; the sets' own events lead
to the next look.
"""

import copy
import time
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from localcluster import times
from localcluster.kinds.apps import amount
from localcluster.status import ApiError

from .children import Children, Key, owner_reference
from .conditions import condition
from .replicasets import SETS
from .runner import Controller

Obj = dict[str, Any]
DEPLOYMENTS, COMPONENT = "deployments.apps", "deployment-controller"
HASH, REVISION = "pod-template-hash", "deployment.kubernetes.io/revision"
_UNDER_WAY, _LATE = "ReplicaSetUpdated", "ProgressDeadlineExceeded"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: no words


class DeploymentController(Controller):
    resources = (DEPLOYMENTS, SETS)

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._sets = Children(registry, SETS, "Deployment")

    def keys(self, event: Any) -> Iterable[Key]:
        if event.resource == DEPLOYMENTS:
            yield event.object["metadata"]["namespace"], event.object["metadata"]["name"]
        elif key := self._sets.note(event):
            yield key

    def reconcile(self, key: Key) -> float | None:
        try:
            deployment = self.registry.get(DEPLOYMENTS, *key)
        except ApiError:
            return None
        if deployment["metadata"].get("deletionTimestamp"):
            return None
        look = Rollout(self.registry, deployment, self._sets.of(key, deployment["metadata"]["uid"]))
        wait = look.act()
        if look.new:
            self._sets.add(key, look.new)
        return wait


class Rollout:
    """One look at one Deployment; `new` is the set of its present template, None before there is one."""

    def __init__(self, registry: Any, deployment: Obj, sets: list[Obj]) -> None:
        self.registry, self.deployment = registry, deployment
        self.spec: Obj = deployment["spec"]
        self.name = f"{deployment['metadata']['name']}-{template_hash(self.spec['template'])}"
        self.new = next((one for one in sets if one["metadata"]["name"] == self.name), None)
        self.old = [one for one in sets if one["metadata"]["name"] != self.name]

    def act(self) -> float | None:
        """Take a step; seconds until the deadline of its progress, None while there is none."""
        paused = self.spec.get("paused")
        if not paused:
            self._find_new()
            self._number()
        if self.new and not paused:
            step = self._recreate if self.spec["strategy"]["type"] == "Recreate" else self._roll
            step(self.new)
        elif self.new:
            self._scale(self.new, self.spec["replicas"] - sum(map(_wanted, self.old)))
        self._tidy()
        return self._tell()

    def _every(self) -> list[Obj]:
        return [*self.old, *([self.new] if self.new else [])]

    def _find_new(self) -> None:
        if self.new is not None:
            return
        meta, template = self.deployment["metadata"], copy.deepcopy(self.spec["template"])
        mark = {HASH: self.name.rpartition("-")[2]}
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels |= mark
        selector = copy.deepcopy(self.spec["selector"])
        selector["matchLabels"] = (selector.get("matchLabels") or {}) | mark
        made = {"name": self.name, "labels": labels, "ownerReferences": [owner_reference(self.deployment)]}
        spec = {"replicas": 0, "selector": selector, "template": template}
        spec["minReadySeconds"] = self.spec.get("minReadySeconds", 0)
        self.new = self.registry.create(
            SETS, meta["namespace"], {"metadata": made, "spec": spec}, manager=COMPONENT
        )

    def _number(self) -> None:
        """The set of the present template has the highest revision, also after a way back."""
        assert self.new
        highest = max((_revision(one) for one in self.old), default=0)
        revision = max(_revision(self.new), highest + 1)
        self.new = self._annotate(SETS, self.new, revision)
        self._annotate(DEPLOYMENTS, self.deployment, revision)

    def _annotate(self, resource: str, obj: Obj, revision: int) -> Obj:
        def change(current: Obj) -> None:
            current["metadata"].setdefault("annotations", {})[REVISION] = str(revision)

        meta = obj["metadata"]
        changed: Obj = self.registry.mutate(
            resource, meta["namespace"], meta["name"], change, manager=COMPONENT
        )
        return changed

    def _recreate(self, new: Obj) -> None:
        """All old pods end before the first new one begins."""
        for one in self.old:
            self._scale(one, 0)
        if not any(_counted(one, "replicas") for one in self.old):
            self._scale(new, self.spec["replicas"])

    def _roll(self, new: Obj) -> None:
        """As many new ones as there may be above the number wanted, as few old ones as are needed."""
        replicas, rolling = self.spec["replicas"], self.spec["strategy"]["rollingUpdate"]
        surge = amount(rolling["maxSurge"], replicas, up=True) or 0
        away = amount(rolling["maxUnavailable"], replicas, up=False) or 0
        away = away if surge or away else 1
        room = replicas + surge - sum(map(_wanted, self._every()))
        self._scale(new, min(replicas, _wanted(new) + max(0, room)))
        self._shrink(new, replicas - away)

    def _shrink(self, new: Obj, least: int) -> None:
        """Take old pods back, those that are not available first, so that `least` stay available."""
        unready = _wanted(new) - _counted(new, "availableReplicas")
        spare = sum(map(_wanted, self._every())) - least - unready
        for one in self.old:
            broken = max(0, _wanted(one) - _counted(one, "availableReplicas"))
            spare -= self._take(one, min(broken, spare))
        spare = min(spare, sum(_counted(one, "availableReplicas") for one in self._every()) - least)
        for one in self.old:
            spare -= self._take(one, min(_wanted(one), spare))

    def _take(self, one: Obj, count: int) -> int:
        if count <= 0:
            return 0
        self._scale(one, _wanted(one) - count)
        return count

    def _scale(self, one: Obj, replicas: int) -> None:
        before, meta = _wanted(one), one["metadata"]
        if replicas == before or replicas < 0:
            return

        def change(current: Obj) -> None:
            current["spec"]["replicas"] = replicas

        self.registry.mutate(SETS, meta["namespace"], meta["name"], change, manager=COMPONENT)
        one["spec"]["replicas"] = replicas
        way = "up" if replicas > before else "down"
        message = f"Scaled {way} replica set {meta['name']} from {before} to {replicas}"
        self.registry.event(self.deployment, "Normal", "ScalingReplicaSet", message, COMPONENT)

    def _tidy(self) -> None:
        """Old sets beyond the history that is kept go, the oldest first, once they hold nothing."""
        if not self._complete():
            return
        empty = [one for one in self.old if not _wanted(one) and not _counted(one, "replicas")]
        surplus = len(empty) - self.spec["revisionHistoryLimit"]
        for one in sorted(empty, key=_revision)[: max(0, surplus)]:
            self.registry.delete(SETS, one["metadata"]["namespace"], one["metadata"]["name"])
            self.old.remove(one)

    def _complete(self) -> bool:
        wanted, new = self.spec["replicas"], self.new
        total = sum(_counted(one, "replicas") for one in self._every())
        done = ("replicas", "availableReplicas")
        return new is not None and total == wanted and all(_counted(new, name) == wanted for name in done)

    # the status

    def _tell(self) -> float | None:
        total, ready, available = (
            sum(_counted(one, name) for one in self._every())
            for name in ("replicas", "readyReplicas", "availableReplicas")
        )
        counts = {
            "replicas": total,
            "updatedReplicas": _counted(self.new, "replicas") if self.new else 0,
            "readyReplicas": ready,
            "availableReplicas": available,
            "unavailableReplicas": max(0, sum(map(_wanted, self._every())) - available),
        }
        before = self.deployment.get("status") or {}
        moved = any(before.get(name, 0) != value for name, value in counts.items())
        conditions, wait = self._conditions(available, moved)
        status = {"observedGeneration": self.deployment["metadata"]["generation"], "conditions": conditions}
        status |= {name: value for name, value in counts.items() if value}

        def change(obj: Obj) -> None:
            obj["status"] = status

        meta = self.deployment["metadata"]
        self.registry.mutate(
            DEPLOYMENTS, meta["namespace"], meta["name"], change, subresource="status", manager=COMPONENT
        )
        return wait

    def _conditions(self, available: int, moved: bool) -> tuple[list[Obj], float | None]:
        """Available and Progressing; and the seconds until progress that does not come is late."""
        replicas, strategy = self.spec["replicas"], self.spec["strategy"]
        away = strategy.get("rollingUpdate", {}).get("maxUnavailable", 0)
        enough = available >= replicas - (amount(away, replicas, up=False) or 0)
        words = "has minimum availability." if enough else "does not have minimum availability."
        reason = f"MinimumReplicas{'Available' if enough else 'Unavailable'}"
        found = [self._condition("Available", enough, reason, f"Deployment {words}")]
        progressing, wait = self._progressing(moved)
        return [*found, progressing], wait

    def _progressing(self, moved: bool) -> tuple[Obj, float | None]:
        if self._complete():
            text = f'ReplicaSet "{self.name}" has successfully progressed.'
            return self._condition("Progressing", True, "NewReplicaSetAvailable", text), None
        if self.spec.get("paused"):
            return self._condition("Progressing", None, "DeploymentPaused", "Deployment is paused"), None
        left = self._left(moved)
        if left <= 0:
            text = f'ReplicaSet "{self.name}" has timed out progressing.'
            return self._condition("Progressing", False, _LATE, text), None
        text = f'ReplicaSet "{self.name}" is progressing.'
        return self._condition("Progressing", True, _UNDER_WAY, text, moved), left

    def _left(self, moved: bool) -> float:
        """Seconds until it is late; it stays late until something moves."""
        seconds, before = (
            float(self.spec["progressDeadlineSeconds"]),
            condition(self.deployment, "Progressing"),
        )
        if moved or not before or before["reason"] not in (_UNDER_WAY, _LATE):
            return seconds
        if before["reason"] == _LATE:
            return 0.0
        return seconds - (time.time() - times.parse(before["lastUpdateTime"]))

    def _condition(
        self, type_: str, holds: bool | None, reason: str, message: str, fresh: bool = False
    ) -> Obj:
        """With the times of the one before where it says the same; `fresh`: updated all the same."""
        state = "Unknown" if holds is None else str(holds)
        said = {"type": type_, "status": state, "reason": reason, "message": message}
        before, now = condition(self.deployment, type_) or {}, times.now()
        same = not fresh and all(before.get(name) == value for name, value in said.items())
        since = before.get("lastTransitionTime", now) if before.get("status") == state else now
        updated = before["lastUpdateTime"] if same else now
        return said | {"lastUpdateTime": updated, "lastTransitionTime": since}


def template_hash(template: Obj) -> str:
    """The same for the same template, short and fit for a name."""
    text = msgspec.json.encode(template, order="deterministic")
    number = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    letters = []
    for _ in range(10):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)


def _wanted(replica_set: Obj) -> int:
    return int(replica_set["spec"]["replicas"])


def _counted(replica_set: Obj, name: str) -> int:
    return int((replica_set.get("status") or {}).get(name, 0))


def _revision(replica_set: Obj) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
