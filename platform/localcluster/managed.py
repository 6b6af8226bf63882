"""metadata.managedFields: who owns which field, kept on every write, and the merge of server-side apply.

The registry calls `record` after an ordinary write and `apply` for an apply patch.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from localcluster import fields
from localcluster.fields import MergeKeys, Obj, Path
from localcluster.status import ApiError


@dataclass(frozen=True)
class Writer:
    """Who writes, through which version and subresource, and when (RFC 3339)."""

    manager: str
    api_version: str
    time: str
    subresource: str = ""


@dataclass
class _Entry:
    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: set[Path]

    @classmethod
    def read(cls, raw: Obj) -> _Entry:
        paths = fields.from_fields_v1(raw.get("fieldsV1") or {})
        return cls(raw.get("manager", ""), raw.get("operation", "Update"), raw.get("apiVersion", ""),
                   raw.get("subresource", ""), raw.get("time", ""), paths)  # fmt: skip

    def written(self) -> Obj:
        entry: Obj = {"manager": self.manager, "operation": self.operation, "apiVersion": self.api_version}
        entry |= {"time": self.time, "fieldsType": "FieldsV1", "fieldsV1": fields.to_fields_v1(self.paths)}
        return entry | ({"subresource": self.subresource} if self.subresource else {})


def record(new: Obj, old: Obj | None, writer: Writer, lists: MergeKeys) -> None:
    """Give `writer` the fields an ordinary write added or changed, in `new`'s managedFields."""
    after = _within(fields.owned(new, lists), writer)
    before = _within(fields.owned(old, lists), writer) if old else {}
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    entries = _entries(old)
    if changed:
        _take(entries, changed | gone, keep=None)
        _entry_of(entries, writer, "Update").paths |= changed
    elif gone:
        _take(entries, set(gone), keep=None)
    _store(new, entries)


def apply(current: Obj | None, wanted: Obj, writer: Writer, force: bool, lists: MergeKeys) -> Obj:
    """`current` with `wanted` applied by `writer`; raises ApiError 409 for fields others own differently.

    Fields this manager applied before and no longer names go, unless another manager owns them too.
    """
    claims = fields.owned(wanted, lists)
    live = fields.owned(current, lists) if current else {}
    entries = _entries(current)
    mine = _entry_of(entries, writer, "Apply")
    changed = {path for path, value in claims.items() if path in live and live[path] != value}
    disputed = [
        (entry, path) for entry in entries if entry is not mine for path in sorted(entry.paths & changed)
    ]
    if disputed and not force:
        raise _conflict(disputed)
    _take(entries, changed, keep=mine)
    result = merge(copy.deepcopy(current), wanted, lists) if current else copy.deepcopy(wanted)
    others = set().union(*(entry.paths for entry in entries if entry is not mine))
    for path in sorted(mine.paths - claims.keys(), key=len, reverse=True):
        if not any(other[: len(path)] == path for other in others):
            _drop(result, path, lists)
    mine.paths = set(claims)
    mine.time = writer.time
    _store(result, entries)
    return result


def merge(into: Any, wanted: Any, lists: MergeKeys, name: str = "") -> Any:
    """`wanted` laid over `into`: maps field by field, keyed lists item by item, the rest replaced."""
    if isinstance(into, dict) and isinstance(wanted, dict) and not fields.is_atomic(name):
        for key, value in wanted.items():
            into[key] = merge(into[key], value, lists, key) if key in into else copy.deepcopy(value)
        return into
    keys = fields.merge_keys(name, wanted, lists) if wanted else None
    if keys is None or fields.merge_keys(name, into, lists) is None:
        return copy.deepcopy(wanted)
    places = {fields.identity(item, keys): index for index, item in enumerate(into)}
    for item in wanted:
        index = places.get(fields.identity(item, keys))
        if index is None:
            into.append(copy.deepcopy(item))
        else:
            into[index] = merge(into[index], item, lists)
    return into


def same_but_for_times(one: Obj, other: Obj) -> bool:
    """Whether two states of an object differ in nothing a client would call a change."""
    return _timeless(one) == _timeless(other)


def _timeless(obj: Obj) -> Obj:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    entries = metadata.get("managedFields") or []
    metadata["managedFields"] = [{key: one[key] for key in one if key != "time"} for one in entries]
    return obj | {"metadata": metadata}


def _within(leaves: dict[Path, Any], writer: Writer) -> dict[Path, Any]:
    """Leave out the status, unless the write went through a subresource: nobody else can set it."""
    return (
        leaves if writer.subresource else {path: one for path, one in leaves.items() if path[0] != "f:status"}
    )


def _entries(obj: Obj | None) -> list[_Entry]:
    return [_Entry.read(raw) for raw in (obj or {}).get("metadata", {}).get("managedFields") or []]


def _entry_of(entries: list[_Entry], writer: Writer, operation: str) -> _Entry:
    """This writer's entry, added when it is the first of its kind; an Update starts anew at its time."""
    key = (writer.manager, operation, writer.api_version, writer.subresource)
    for entry in entries:
        if (entry.manager, entry.operation, entry.api_version, entry.subresource) == key:
            entry.time = writer.time
            return entry
    entry = _Entry(writer.manager, operation, writer.api_version, writer.subresource, writer.time, set())
    entries.append(entry)
    return entry


def _take(entries: list[_Entry], paths: set[Path], keep: _Entry | None) -> None:
    for entry in entries:
        if entry is not keep:
            entry.paths -= paths


def _store(obj: Obj, entries: list[_Entry]) -> None:
    obj["metadata"]["managedFields"] = [entry.written() for entry in entries if entry.paths]


def _conflict(disputed: list[tuple[_Entry, Path]]) -> ApiError:
    causes = []
    for entry, path in disputed:
        by = f'conflict with "{entry.manager}" using {entry.api_version}'
        causes.append({"reason": "FieldManagerConflict", "message": by, "field": fields.shown(path)})
    number = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    said = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    return ApiError(409, "Conflict", f"Apply failed with {number}: {said}", {"causes": causes})


def _drop(obj: Obj, path: Path, lists: MergeKeys) -> None:
    """Remove the field or list item at `path`, and the maps that it leaves empty."""
    trail: list[tuple[Any, Any]] = []
    here: Any = obj
    for index, element in enumerate(path):
        place = _place(here, path[index - 1] if index else "", element, lists)
        if place is None:
            return
        trail.append((here, place))
        here = here[place]
    if path[-1].startswith("f:") and len(path) > 1 and path[-2].startswith("k:") and trail[-1][1] in path[-2]:
        return  # a key of an item that stays
    parent, place = trail.pop()
    del parent[place]
    while trail and parent == {} and isinstance(trail[-1][1], str):
        parent, place = trail.pop()
        del parent[place]


def _place(here: Any, parent: str, element: str, lists: MergeKeys) -> Any:
    """The dict key or list index that a path element means; None when it is not there."""
    if element.startswith("f:"):
        return element[2:] if isinstance(here, dict) and element[2:] in here else None
    keys = fields.merge_keys(parent[2:], here, lists)
    if keys is None:
        return None
    return next((index for index, item in enumerate(here) if fields.identity(item, keys) == element), None)
