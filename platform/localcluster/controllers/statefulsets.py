"""The StatefulSet controller: numbered pods with claims of their own, one after the other.

Each look takes the steps that the order allows and writes the status; the pods' own events lead to the next.
A template is kept as a ControllerRevision, so that pods below the partition get the one that they had.
"""

import copy
import time
from collections.abc import Callable, Iterable
from typing import Any

from localcluster import selectors, times
from localcluster.kinds import storage
from localcluster.status import ApiError

from . import jobpods
from .children import Children, Key, owner_reference
from .conditions import condition
from .deployments import template_hash
from .runner import Controller, controller_of

Obj = dict[str, Any]
STATEFUL, REVISIONS = "statefulsets.apps", "controllerrevisions.apps"
COMPONENT = "statefulset-controller"
AT_ONCE = 50  # pods that one look makes
_HASH, _POD, _INDEX = (
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)


class StatefulSetController(Controller):
    resources = (STATEFUL, REVISIONS, "pods")

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._pods = Children(registry, "pods", "StatefulSet")
        self._revisions = Children(registry, REVISIONS, "StatefulSet")

    def keys(self, event: Any) -> Iterable[Key]:
        if event.resource == STATEFUL:
            yield event.object["metadata"]["namespace"], event.object["metadata"]["name"]
            return
        index = self._pods if event.resource == "pods" else self._revisions
        if key := index.note(event):
            yield key

    def reconcile(self, key: Key) -> float | None:
        try:
            own = self.registry.get(STATEFUL, *key)
        except ApiError:
            return None
        if own["metadata"].get("deletionTimestamp"):
            return None
        uid = own["metadata"]["uid"]
        look = Look(self.registry, own, self._pods.of(key, uid), self._revisions.of(key, uid))
        try:
            return look.act()
        finally:  # the events of those just made are still to come
            for pod in look.pods.values():
                self._pods.add(key, pod)
            for revision in look.revisions:
                self._revisions.add(key, revision)


class Look:
    """One look at one StatefulSet, its pods by name and its revisions, as they are now."""

    def __init__(self, registry: Any, own: Obj, pods: list[Obj], revisions: list[Obj]) -> None:
        self.registry, self.own, self.revisions = registry, own, revisions
        self.meta, self.spec, self.status = own["metadata"], own["spec"], own.get("status") or {}
        self.pods = {pod["metadata"]["name"]: pod for pod in pods}
        self.start = (self.spec.get("ordinals") or {}).get("start", 0)
        self.ordinals = range(self.start, self.start + self.spec["replicas"])  # there may be billions
        self.surplus = sorted((name for name in self.pods if not self._is_wanted(name)), key=_ordinal)
        self.ordered = self.spec["podManagementPolicy"] == "OrderedReady"
        self.collisions = self.status.get("collisionCount", 0)
        self.wait: float | None = None

    def _name(self, ordinal: int) -> str:
        return f"{self.meta['name']}-{ordinal}"

    def _is_wanted(self, name: str) -> bool:
        ordinal = _ordinal(name)
        return ordinal in self.ordinals and name == self._name(ordinal)

    def act(self) -> float | None:
        """Take the steps that are due; seconds until the next that only time asks for."""
        self.update = self._revision()
        self.current = self._kept(self.status.get("currentRevision", "")) or self.update
        try:
            if self._fill() and self._shrink():
                self._renew()
        finally:
            self._tell()
        self._tidy()
        return self.wait

    # -- templates ----------------------------------------------------------------------------------

    def _kept(self, name: str) -> Obj | None:
        return next((one for one in self.revisions if one["metadata"]["name"] == name), None)

    def _revision(self) -> Obj:
        """The one of the present template; it has the highest number, also after a way back."""
        template = self.spec["template"]
        highest = max((one["revision"] for one in self.revisions), default=0)
        same = [one for one in self.revisions if one["data"]["spec"]["template"] == template]
        if not same:
            return self._new_revision(template, highest + 1)
        if same[0]["revision"] < highest:
            self._number(same[0], highest + 1)
        return same[0]

    def _number(self, revision: Obj, number: int) -> None:
        def change(current: Obj) -> None:
            current["revision"] = number

        place = (REVISIONS, self.meta["namespace"], revision["metadata"]["name"])
        revision |= self.registry.mutate(*place, change, manager=COMPONENT)

    def _new_revision(self, template: Obj, number: int) -> Obj:
        """Under the first name that is free, or that nobody's revision of the same template has."""
        while (revision := self._named_revision(template, number)) is None:
            self.collisions += 1
        self.revisions.append(revision)
        return revision

    def _named_revision(self, template: Obj, number: int) -> Obj | None:
        """The one of the present name; None where that is another's."""
        data = {"spec": {"template": template}}
        mark = template_hash({"after": self.collisions, **data} if self.collisions else template)
        name = f"{self.meta['name']}-{mark}"
        if taken := self._taken_over(REVISIONS, name, lambda known: bool(known["data"] == data)):
            self._number(taken, number)
            return taken
        labels = (self.spec["selector"].get("matchLabels") or {}) | {"controller.kubernetes.io/hash": mark}
        made = {"name": name, "labels": labels, "ownerReferences": [owner_reference(self.own)]}
        body = {"metadata": made, "revision": number, "data": data}
        try:
            revision: Obj = self.registry.create(REVISIONS, self.meta["namespace"], body, manager=COMPONENT)
        except ApiError as error:
            if error.code != 409:
                raise
            return None
        return revision

    def _taken_over(self, resource: str, name: str, fits: Callable[[Obj], bool]) -> Obj | None:
        """The one of that name as ours from now on, where nobody owns it and it fits."""
        place = (resource, self.meta["namespace"], name)
        try:
            known = self.registry.get(*place)
        except ApiError:
            return None
        if known["metadata"].get("deletionTimestamp") or controller_of(known) or not fits(known):
            return None

        def change(current: Obj) -> None:
            others = current["metadata"].get("ownerReferences") or []
            current["metadata"]["ownerReferences"] = [*others, owner_reference(self.own)]

        taken: Obj = self.registry.mutate(*place, change, manager=COMPONENT)
        return taken

    def _tidy(self) -> None:
        """Those of no pod beyond the history that is kept go, the oldest first."""
        used = {_revision_of(pod) for pod in self.pods.values()}
        used |= {one["metadata"]["name"] for one in (self.update, self.current)}
        idle = [one for one in self.revisions if one["metadata"]["name"] not in used]
        idle.sort(key=lambda one: int(one["revision"]))
        for one in idle[: max(0, len(idle) - self.spec["revisionHistoryLimit"])]:
            self.registry.delete(REVISIONS, self.meta["namespace"], one["metadata"]["name"])
            self.revisions.remove(one)

    # -- pods, in their order -----------------------------------------------------------------------

    def _fill(self) -> bool:
        """Makes those that are missing; False while one has to be waited for before the next."""
        made = 0
        for name in map(self._name, self.ordinals):
            pod = self.pods.get(name)
            if pod is None and made == AT_ONCE:
                self.wait = 0.0
                return False
            if pod and jobpods.phase(pod) in ("Failed", "Succeeded") and not jobpods.leaving(pod):
                self._delete(pod)
            elif pod is None:
                self._create(name)
                made += 1
            else:
                self._own_claims(pod, surplus=False)
            if self.ordered and not self._available(self.pods[name]):
                return False
        return True

    def _shrink(self) -> bool:
        """Takes back those with too high a number, the highest first."""
        for name in reversed(self.surplus):
            pod = self.pods[name]
            self._own_claims(pod, surplus=True)
            if not jobpods.leaving(pod):
                self._delete(pod)
            if self.ordered:
                return False
        return True

    def _renew(self) -> None:
        """Replaces one pod of an earlier template, the highest first, once those above it are available."""
        strategy = self.spec["updateStrategy"]
        if strategy["type"] == "OnDelete":
            return
        for name in map(self._name, reversed(self.ordinals[self._partition() :])):
            pod = self.pods[name]
            if _revision_of(pod) != self.update["metadata"]["name"] and not jobpods.leaving(pod):
                return self._delete(pod)
            if not self._available(pod):
                return

    def _partition(self) -> int:
        return (self.spec["updateStrategy"].get("rollingUpdate") or {}).get("partition", 0)

    def _available(self, pod: Obj) -> bool:
        """Ready for as long as it has to be; sets when to look again at one that is not yet."""
        if jobpods.leaving(pod) or not jobpods.ready(pod):
            return False
        since = condition(pod, "Ready") or {}
        left = self.spec.get("minReadySeconds", 0) - (time.time() - times.parse(since["lastTransitionTime"]))
        if left > 0:
            self.wait = left if self.wait is None else min(left, self.wait)
        return left <= 0

    def _create(self, name: str) -> None:
        if orphan := self._taken_over("pods", name, self._selects):
            self.pods[name] = orphan
            return
        place = _ordinal(name) - self.start
        below = self.spec["updateStrategy"]["type"] == "RollingUpdate" and place < self._partition()
        pod = self._pod(name, self.current if below else self.update)
        words = f"create Pod {name} in StatefulSet {self.meta['name']}"
        try:
            for template in self.spec.get("volumeClaimTemplates") or []:
                self._claim(name, template)
            self.pods[name] = self.registry.create("pods", self.meta["namespace"], pod, manager=COMPONENT)
        except ApiError as error:
            self._event("Warning", "FailedCreate", f"{words} failed error: {error}")
            raise
        self._event("Normal", "SuccessfulCreate", f"{words} successful")

    def _selects(self, pod: Obj) -> bool:
        return selectors.match_labels(self.spec["selector"], pod["metadata"].get("labels") or {})

    def _pod(self, name: str, revision: Obj) -> Obj:
        template = copy.deepcopy(revision["data"]["spec"]["template"])
        kept, spec = template.get("metadata") or {}, template["spec"]
        own = {_POD: name, _INDEX: str(_ordinal(name)), _HASH: revision["metadata"]["name"]}
        made = {key: kept[key] for key in ("annotations", "finalizers") if key in kept}
        made |= {"name": name, "labels": (kept.get("labels") or {}) | own}
        made |= {"ownerReferences": [owner_reference(self.own)]}
        spec["hostname"] = name
        if self.spec.get("serviceName"):
            spec["subdomain"] = self.spec["serviceName"]
        claims = {one["metadata"]["name"]: one for one in self.spec.get("volumeClaimTemplates") or []}
        others = [one for one in spec.get("volumes") or [] if one["name"] not in claims]
        spec["volumes"] = [
            *({"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{name}"}} for claim in claims),
            *others,
        ]
        return {"metadata": made, "spec": spec}

    def _delete(self, pod: Obj) -> None:
        name = pod["metadata"]["name"]
        gone = self.registry.delete("pods", self.meta["namespace"], name)
        pod["metadata"]["deletionTimestamp"] = gone["metadata"].get("deletionTimestamp") or times.now()
        words = f"delete Pod {name} in StatefulSet {self.meta['name']} successful"
        self._event("Normal", "SuccessfulDelete", words)

    def _event(self, type_: str, reason: str, message: str) -> None:
        self.registry.event(self.own, type_, reason, message, COMPONENT)

    # -- claims -------------------------------------------------------------------------------------

    def _claim(self, pod: str, template: Obj) -> None:
        """The claim of a pod, made once: it is there for every later pod of that name."""
        kept = template.get("metadata") or {}
        name = f"{kept.get('name', '')}-{pod}"
        labels = (kept.get("labels") or {}) | (self.spec["selector"].get("matchLabels") or {})
        made = {"name": name, "labels": labels, "annotations": dict(kept.get("annotations") or {})}
        body = {"metadata": made, "spec": copy.deepcopy(template["spec"])}
        try:
            self.registry.create(storage.CLAIMS, self.meta["namespace"], body, manager=COMPONENT)
        except ApiError as error:
            if error.code != 409:
                raise
            return
        words = f"create Claim {name} Pod {pod} in StatefulSet {self.meta['name']} success"
        self._event("Normal", "SuccessfulCreate", words)

    def _own_claims(self, pod: Obj, *, surplus: bool) -> None:
        """Says by owners when claims go: with the set, or with a pod that is one too many."""
        policy = self.spec["persistentVolumeClaimRetentionPolicy"]
        references = []
        if policy["whenDeleted"] == "Delete":
            references = [owner_reference(self.own)]
        if surplus and policy["whenScaled"] == "Delete":
            references = [_plain_reference(pod)]
        for template in self.spec.get("volumeClaimTemplates") or []:
            self._set_owners(f"{template['metadata']['name']}-{pod['metadata']['name']}", references)

    def _set_owners(self, claim: str, references: list[Obj]) -> None:
        """Of ours alone: what others have said of the claim stays."""
        ours = {("StatefulSet", self.meta["name"]), *(("Pod", name) for name in self.pods)}

        def change(current: Obj) -> None:
            known = current["metadata"].get("ownerReferences") or []
            others = [one for one in known if (one["kind"], one["name"]) not in ours]
            current["metadata"]["ownerReferences"] = [*others, *references]

        try:
            self.registry.mutate(storage.CLAIMS, self.meta["namespace"], claim, change, manager=COMPONENT)
        except ApiError as error:
            if error.code != 404:
                raise

    # -- the status ---------------------------------------------------------------------------------

    def _tell(self) -> None:
        pods = [one for one in self.pods.values() if not jobpods.leaving(one)]
        ready = [one for one in pods if jobpods.ready(one)]
        update, current = self.update["metadata"]["name"], self.current["metadata"]["name"]
        updated = sum(_revision_of(one) == update for one in pods)
        if updated == len(pods) == len(ready) == self.spec["replicas"]:
            current, self.current = update, self.update
        counts = {
            "currentReplicas": sum(_revision_of(one) == current for one in pods),
            "updatedReplicas": updated,
            "readyReplicas": len(ready),
        }
        status = {
            "replicas": len(self.pods),
            "availableReplicas": sum(self._available(one) for one in pods),
            "observedGeneration": self.meta["generation"],
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": self.collisions,
        }
        status |= {name: value for name, value in counts.items() if value}

        def change(obj: Obj) -> None:
            obj["status"] = status

        place = (STATEFUL, self.meta["namespace"], self.meta["name"])
        self.registry.mutate(*place, change, subresource="status", manager=COMPONENT)


def _ordinal(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 10 else -1


def _revision_of(pod: Obj) -> str:
    return str((pod["metadata"].get("labels") or {}).get(_HASH, ""))


def _plain_reference(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
