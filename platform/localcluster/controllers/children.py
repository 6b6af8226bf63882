"""The objects of one resource that name a controller of one kind, kept by events; used by controllers.

A look at one owner costs no look at all others' objects.
"""

from collections import defaultdict
from typing import Any

from localcluster.status import ApiError

from .runner import controller_of

Obj = dict[str, Any]
Key = tuple[str, str]  # namespace and name of the owner


class Children:
    """Those of `resource` whose controller is of `kind`."""

    def __init__(self, registry: Any, resource: str, kind: str) -> None:
        self._registry, self._resource, self._kind = registry, resource, kind
        self._names: defaultdict[Key, set[str]] = defaultdict(set)

    def note(self, event: Any) -> Key | None:
        """The owner that an event is about, None where it is of another kind."""
        meta, owner = event.object["metadata"], controller_of(event.object)
        if not owner or owner["kind"] != self._kind:
            return None
        key = meta["namespace"], owner["name"]
        if event.type != "DELETED":
            self._names[key].add(meta["name"])
        else:
            self._names[key].discard(meta["name"])
            if not self._names[key]:
                del self._names[key]
        return key

    def add(self, key: Key, obj: Obj) -> None:
        """One that was just made, whose event is still to come."""
        self._names[key].add(obj["metadata"]["name"])

    def of(self, key: Key, uid: str) -> list[Obj]:
        """All there are of the owner of that uid, by name; not those of an earlier one of the same name."""
        return [one for one in self.of_all(key) if is_owned(one, uid)]

    def of_all(self, key: Key) -> list[Obj]:
        """All there are of whatever owner had that name, by name."""
        found = []
        for name in sorted(self._names.get(key, ())):
            try:
                found.append(self._registry.get(self._resource, key[0], name))
            except ApiError:
                continue  # gone; its event is on its way
        return found


def is_owned(obj: Obj, uid: str) -> bool:
    """Whether the controller of `obj` is the one of that uid."""
    owner = controller_of(obj)
    return owner is not None and owner["uid"] == uid


def owner_reference(owner: Obj) -> Obj:
    """How a new object names `owner` as its controller."""
    meta = owner["metadata"]
    named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"]}
    return named | {"uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}
