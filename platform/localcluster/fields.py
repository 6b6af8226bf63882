"""Sets of field paths, as managedFields has them: which leaves an object has, which a change touched.

A path is a tuple of FieldsV1 elements: "f:spec", 'k:{"name":"main"}', "v:..." is not used. Lists with known
merge keys go item by item, other lists are one leaf. Pure; `managed` and `patch` build on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Obj = dict[str, Any]
Path = tuple[str, ...]
MergeKeys = Mapping[str, tuple[str, ...]]

_ALWAYS: dict[str, tuple[str, ...]] = {"ownerReferences": ("uid",)}
_ATOMIC_MAPS = frozenset(
    (
        "nodeSelector",
        "selector",
        "labelSelector",
        "fieldRef",
        "resourceFieldRef",
        "secretKeyRef",
        "configMapKeyRef",
    )
)
_KEY_DEFAULTS = {"protocol": "TCP"}
_SERVERS = frozenset(
    ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
     "deletionGracePeriodSeconds", "managedFields", "selfLink", "generateName")
)  # fmt: skip


def merge_keys(name: str, items: Any, lists: MergeKeys) -> tuple[str, ...] | None:
    """The merge keys of the list field `name`, or None where it is atomic (or its items lack the keys)."""
    keys = lists.get(name) or _ALWAYS.get(name)
    if keys is None or not isinstance(items, list):
        return None
    whole = all(
        isinstance(item, dict) and all(key in item or key in _KEY_DEFAULTS for key in keys) for item in items
    )
    return keys if whole else None


def identity(item: Obj, keys: tuple[str, ...]) -> str:
    """The path element of a keyed list item."""
    values = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in keys}
    return "k:" + json.dumps(values, separators=(",", ":"), sort_keys=True)


def is_atomic(name: str) -> bool:
    return name in _ATOMIC_MAPS


def owned(obj: Obj, lists: MergeKeys) -> dict[Path, Any]:
    """Every leaf a client can own in an object, with its value: all but identity and what the server sets."""
    found: dict[Path, Any] = {}
    for name, value in obj.items():
        if name == "metadata":
            kept = {key: one for key, one in value.items() if key not in _SERVERS}
            _leaves(kept, "metadata", ("f:metadata",), lists, found)
        elif name not in ("kind", "apiVersion"):
            _leaves(value, name, (f"f:{name}",), lists, found)
    found.pop(("f:metadata",), None)
    return found


def _leaves(value: Any, name: str, path: Path, lists: MergeKeys, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and not is_atomic(name):
        for key, one in value.items():
            _leaves(one, key, (*path, f"f:{key}"), lists, found)
        return
    keys = merge_keys(name, value, lists) if value else None
    if keys is None:
        found[path] = value
        return
    for item in value:
        at = (*path, identity(item, keys))
        found[at] = None  # the item itself; its fields follow
        for key, one in item.items():
            _leaves(one, key, (*at, f"f:{key}"), lists, found)


def to_fields_v1(paths: Iterable[Path]) -> Obj:
    """The FieldsV1 form of a set of paths."""
    root: Obj = {}
    paths = sorted(paths)
    for path in paths:
        here = root
        for element in path:
            here = here.setdefault(element, {})
        if path[-1].startswith("k:"):
            here["."] = {}
    return root


def from_fields_v1(tree: Obj, path: Path = ()) -> set[Path]:
    """The paths of a FieldsV1 tree."""
    found: set[Path] = set()
    for element, below in tree.items():
        if element == ".":
            found.add(path)
        elif below:
            found |= from_fields_v1(below, (*path, element))
        else:
            found.add((*path, element))
    return found


def shown(path: Path) -> str:
    """A path as conflict messages show it: .spec.containers[name="main"].image"""
    return "".join(_shown_element(element) for element in path)


def _shown_element(element: str) -> str:
    if element.startswith("f:"):
        return "." + element[2:]
    keys = json.loads(element[2:])
    return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
