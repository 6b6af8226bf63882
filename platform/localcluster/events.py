"""core/v1 Events: what happened to an object, told once and then counted.

The name of an event is made from what it says, so the same again finds its predecessor, also after a restart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcluster.resources import Obj
from localcluster.status import ApiError

if TYPE_CHECKING:
    from localcluster.registry import Registry


@dataclass(frozen=True)
class Note:
    """What an event says: type Normal or Warning, a reason in one word, a message, and who noticed."""

    type: str
    reason: str
    message: str
    component: str


def record(registry: Registry, regarding: Obj, note: Note) -> None:
    """Tell or count a note. Best effort: in a namespace that is going or gone it is dropped."""
    namespace = regarding["metadata"].get("namespace") or "default"
    name = _name(regarding, note)

    def again(event: Obj) -> None:
        event["count"] = event.get("count", 1) + 1
        event["lastTimestamp"] = registry.timestamp()

    try:
        registry.mutate("events", namespace, name, again, manager=note.component)
    except ApiError as error:
        if error.code == 404:
            _first(registry, namespace, name, _event(regarding, note, registry.timestamp()), note.component)


def _first(registry: Registry, namespace: str, name: str, event: Obj, manager: str) -> None:
    try:
        registry.create("events", namespace, {"metadata": {"name": name}} | event, manager=manager)
    except ApiError as error:
        if error.code not in (403, 404):
            raise


def _name(regarding: Obj, note: Note) -> str:
    metadata = regarding["metadata"]
    told = "\0".join((metadata.get("uid", ""), note.type, note.reason, note.message, note.component))
    return f"{metadata['name'][:200]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _event(regarding: Obj, note: Note, now: str) -> Obj:
    return {
        "involvedObject": _reference(regarding),
        "type": note.type,
        "reason": note.reason,
        "message": note.message,
        "source": {"component": note.component},
        "reportingComponent": note.component,
        "reportingInstance": "",
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }


def _reference(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    reference = {"kind": obj.get("kind"), "apiVersion": obj.get("apiVersion"), "name": metadata["name"]}
    reference |= {name: metadata.get(name) for name in ("namespace", "uid", "resourceVersion")}
    return {name: value for name, value in reference.items() if value}
