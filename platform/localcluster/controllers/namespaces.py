"""Deletes what a Terminating namespace holds, then lets the namespace go."""

from collections.abc import Iterable
from typing import Any

from localcluster.resources import KINDS, Kind
from localcluster.status import ApiError

from .runner import Controller


def _is_content(kind: Kind) -> bool:
    return kind.namespaced and "delete" in kind.verbs


class NamespaceController(Controller):
    resources, custom = ("namespaces", *(kind.key for kind in KINDS if _is_content(kind))), True

    def keys(self, event: Any) -> Iterable[str]:
        if event.resource == "namespaces" and event.type != "DELETED":
            if event.object["metadata"].get("deletionTimestamp"):
                self._going.add(event.object["metadata"]["name"])
                yield event.object["metadata"]["name"]
        elif event.type == "DELETED" and event.object["metadata"].get("namespace") in self._going:
            yield event.object["metadata"]["namespace"]

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._going: set[str] = set()

    def reconcile(self, key: str) -> float | None:
        try:
            namespace = self.registry.get("namespaces", None, key)
        except ApiError:
            self._going.discard(key)
            return None
        if not namespace["metadata"].get("deletionTimestamp"):
            return None
        left = [(resource, obj) for resource in self._contents() for obj in self.registry.list(resource, key)]
        for resource, obj in left:
            if not obj["metadata"].get("deletionTimestamp"):
                self._delete(resource, obj)
        if not left:
            self.registry.mutate("namespaces", None, key, _let_go, subresource="finalize")
        elif not any(obj["metadata"].get("deletionTimestamp") for _, obj in left):
            return 0.0  # all of it went at once
        return None

    def _contents(self) -> list[str]:
        return [kind.key for kind in self.registry.served.all() if _is_content(kind)]

    def _delete(self, resource: str, obj: dict[str, Any]) -> None:
        meta = obj["metadata"]
        try:
            self.registry.delete(resource, meta["namespace"], meta["name"], propagation="Background")
        except ApiError as error:
            if error.code != 404:
                raise


def _let_go(namespace: dict[str, Any]) -> None:
    namespace["spec"]["finalizers"] = []
