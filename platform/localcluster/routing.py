"""From a URL path to what it names: kind, namespace, name, subresource. Reads only what is served."""

from __future__ import annotations

from dataclasses import dataclass

from localcluster.resources import Kind, Subresource
from localcluster.served import Served


@dataclass(frozen=True)
class Target:
    """What a request is about; `name` "" is the collection, `below` a path under the object."""

    kind: Kind
    namespace: str | None = None
    name: str = ""
    below: Subresource | None = None


def resolve(path: str, served: Served) -> Target | None:
    """The target of an API path, or None when no such thing is served."""
    parts = path.strip("/").split("/")
    if "" in parts:
        return None
    if parts[:1] == ["api"] and len(parts) > 2:
        return _within(served, "", parts[1], parts[2:])
    if parts[:1] == ["apis"] and len(parts) > 3:
        return _within(served, parts[1], parts[2], parts[3:])
    return None


def _within(served: Served, group: str, version: str, parts: list[str]) -> Target | None:
    """namespaces/NS/pods/... is a namespaced collection; anything else after NS is below the namespace."""
    if parts[0] == "namespaces" and len(parts) > 2:
        kind = served.at(group, version, parts[2])
        if kind is not None and kind.namespaced:
            return _item(kind, parts[1], parts[3:])
    kind = served.at(group, version, parts[0])
    if kind is None or (kind.namespaced and len(parts) > 1):
        return None
    return _item(kind, None, parts[1:])


def _item(kind: Kind, namespace: str | None, rest: list[str]) -> Target | None:
    if len(rest) < 2:
        return Target(kind, namespace, rest[0] if rest else "")
    below = kind.subresource(rest[1])
    return Target(kind, namespace, rest[0], below) if below and len(rest) == 2 else None
