"""Deletes what owners that are gone leave, as their deletion asked: background, foreground or orphan.

Keeps a map from owner uid to dependents, fed by events; the registry itself is asked before a deletion.
"""

from collections.abc import Iterable
from typing import Any

from localcluster.resources import KINDS
from localcluster.status import ApiError

from .runner import Controller

Obj = dict[str, Any]
Place = tuple[str, str | None, str]  # resource, namespace, name
WATCHED = tuple(kind.key for kind in KINDS if "delete" in kind.verbs and kind.key != "events")
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector(Controller):
    resources, custom = WATCHED, True

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._owners: dict[Place, set[str]] = {}
        self._dependents: dict[str, set[Place]] = {}
        self._waiting: dict[str, Place] = {}  # owners that are deleted in the foreground, by uid

    def keys(self, event: Any) -> Iterable[Place]:
        """The object itself when it has owners or finalizers of ours, its dependents when it has gone."""
        meta = event.object["metadata"]
        place = (event.resource, meta.get("namespace"), meta["name"])
        before = set(self._owners.get(place, ()))
        gone = event.type == "DELETED"
        self._note(place, set() if gone else {one["uid"] for one in meta.get("ownerReferences") or []})
        if gone:
            self._waiting.pop(meta["uid"], None)
            yield from list(self._dependents.get(meta["uid"], ()))
        elif self._owners.get(place) or _asked(meta):
            yield place
        for uid in before | self._owners.get(place, set()):
            if uid in self._waiting:
                yield self._waiting[uid]

    def _note(self, place: Place, owners: set[str]) -> None:
        for uid in self._owners.pop(place, set()) - owners:
            self._dependents[uid].discard(place)
            if not self._dependents[uid]:
                del self._dependents[uid]
        for uid in owners:
            self._dependents.setdefault(uid, set()).add(place)
        if owners:
            self._owners[place] = owners

    def reconcile(self, key: Place) -> float | None:
        obj = self._read(key)
        if obj is None:
            return None
        asked = _asked(obj["metadata"])
        if asked == ORPHAN:
            self._orphan_dependents(key, obj)
        elif asked == FOREGROUND:
            self._delete_dependents(key, obj)
        if not obj["metadata"].get("deletionTimestamp"):
            self._judge(key, obj)
        return None

    def _read(self, place: Place) -> Obj | None:
        try:
            return self.registry.get(*place)
        except ApiError:
            return None

    def _judge(self, place: Place, obj: Obj) -> None:
        """Deletes `obj` when no owner is left; drops references to owners that are gone when one is."""
        references = obj["metadata"].get("ownerReferences") or []
        standing = [self._standing(obj, one) for one in references]
        if not references or all(one == "solid" for one in standing):
            return
        if "solid" in standing:
            gone = {ref["uid"] for ref, one in zip(references, standing, strict=True) if one == "absent"}
            self._drop_references(place, gone)
        elif "leaving" in standing or "absent" in standing:
            how = (
                "Foreground"
                if "leaving" in standing and place[1] and self._has_dependents(obj)
                else "Background"
            )
            self._delete(place, obj, how)

    def _standing(self, obj: Obj, reference: Obj) -> str:
        """solid, absent, or leaving: being deleted in the foreground, after what it owns."""
        kind = self.registry.served.named(reference.get("apiVersion") or "", reference.get("kind") or "")
        if kind is None:
            return "solid"  # a kind we do not serve: not ours to judge
        namespace = obj["metadata"].get("namespace") if kind.namespaced else None
        owner = self._read((kind.key, namespace, reference["name"]))
        if owner is None or owner["metadata"]["uid"] != reference["uid"]:
            return "absent"
        return "leaving" if _asked(owner["metadata"]) == FOREGROUND else "solid"

    def _has_dependents(self, obj: Obj) -> bool:
        return bool(self._dependents.get(obj["metadata"]["uid"]))

    def _delete(self, place: Place, obj: Obj, propagation: str) -> None:
        uid = {"uid": obj["metadata"]["uid"]}
        try:
            self.registry.delete(*place, propagation=propagation, preconditions=uid)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def _living_dependents(self, obj: Obj) -> list[tuple[Place, Obj, Obj]]:
        """Place, object and its reference to `obj`, of all that still are its dependents."""
        uid, found = obj["metadata"]["uid"], []
        for place in list(self._dependents.get(uid, ())):
            dependent = self._read(place)
            references = (dependent["metadata"].get("ownerReferences") or []) if dependent else []
            found += [(place, dependent, one) for one in references if dependent and one["uid"] == uid]
        return found

    def _delete_dependents(self, place: Place, owner: Obj) -> None:
        """Dependents first; the owner goes when none of those that block it is left."""
        self._waiting[owner["metadata"]["uid"]] = place
        dependents = self._living_dependents(owner)
        for where, dependent, _ in dependents:
            if not dependent["metadata"].get("deletionTimestamp"):
                self._judge(where, dependent)
        left = self._living_dependents(owner)
        if not any(reference.get("blockOwnerDeletion") for _, _, reference in left):
            self._remove_finalizer(place, owner, FOREGROUND)

    def _orphan_dependents(self, place: Place, owner: Obj) -> None:
        for where, _, reference in self._living_dependents(owner):
            self._drop_references(where, {reference["uid"]})
        self._remove_finalizer(place, owner, ORPHAN)

    def _drop_references(self, place: Place, uids: set[str]) -> None:
        def change(obj: Obj) -> None:
            kept = [one for one in obj["metadata"].get("ownerReferences") or [] if one["uid"] not in uids]
            obj["metadata"]["ownerReferences"] = kept

        self.registry.mutate(*place, change)

    def _remove_finalizer(self, place: Place, obj: Obj, finalizer: str) -> None:
        def change(current: Obj) -> None:
            if current["metadata"]["uid"] == obj["metadata"]["uid"]:
                kept = [one for one in current["metadata"].get("finalizers") or [] if one != finalizer]
                current["metadata"]["finalizers"] = kept

        self.registry.mutate(*place, change)


def _asked(meta: Obj) -> str:
    """How an object that is being deleted wants its dependents treated; "" for in the background."""
    if not meta.get("deletionTimestamp"):
        return ""
    finalizers = meta.get("finalizers") or []
    return ORPHAN if ORPHAN in finalizers else FOREGROUND if FOREGROUND in finalizers else ""
