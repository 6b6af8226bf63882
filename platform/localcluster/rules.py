"""The rules every object keeps when it is created, changed or deleted, whatever its kind.

Functions over plain JSON objects, in place or pure as each says; the registry calls them around a write.
"""

from __future__ import annotations

import copy
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster import validation
from localcluster.resources import Kind, Obj, Path, Subresource
from localcluster.status import bad_request, conflict, invalid, no_such_path, stale
from localcluster.validation import Problems

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes': no vowels, so no words
_SERVER_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
    "selfLink",
    "managedFields",
)
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"
_PROPAGATIONS = {"Foreground": [_FOREGROUND], "Orphan": [_ORPHAN], "Background": []}


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def address(kind: Kind, namespace: str | None, new: Obj) -> None:
    """Make kind, apiVersion, namespace and name say where the object goes, or say why they cannot."""
    new["apiVersion"], new["kind"] = kind.api_version, kind.kind
    metadata = new["metadata"]
    if kind.namespaced:
        given = metadata.setdefault("namespace", namespace)
        if not namespace or given != namespace:
            words = "the namespace of the provided object does not match the namespace sent on the request"
            raise bad_request(words)
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and metadata.get("generateName"):
        suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
        metadata["name"] = metadata["generateName"][:58] + suffix


def stamp(kind: Kind, new: Obj, now: datetime) -> None:
    """Give a new object its identity, and take away what only the server may set."""
    metadata = new["metadata"]
    if metadata.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    for name in (*_SERVER_FIELDS, "resourceVersion"):
        if name != "generateName":
            metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = rfc3339(now)
    if kind.generation:
        metadata["generation"] = 1
    if kind.has_status and not kind.status_on_create:
        new.pop("status", None)


def check(kind: Kind, new: Obj, old: Obj | None) -> None:
    """422 with every broken rule, those of all objects and those of the kind."""
    problems = Problems()
    validation.check_metadata(new["metadata"], kind.name_rule, problems)
    if old is not None:
        _check_finalizers(new, old, problems)
    kind.validate(new, old, problems)
    if problems.causes:
        raise invalid(kind.kind, kind.group, new["metadata"].get("name", ""), problems.causes)


def _check_finalizers(new: Obj, old: Obj, problems: Problems) -> None:
    if old["metadata"].get("deletionTimestamp"):
        added = set(new["metadata"].get("finalizers") or []) - set(old["metadata"].get("finalizers") or [])
        for one in sorted(added):
            why = f"no new finalizers can be added if the object is being deleted, found new finalizer {one}"
            problems.forbidden("metadata.finalizers", why)


def same_object(kind: Kind, namespace: str | None, name: str, new: Obj, old: Obj) -> None:
    """Refuse an update meant for another object, or for another version of this one."""
    metadata, actual = new["metadata"], old["metadata"]
    if metadata.setdefault("name", name) != name:
        given = metadata["name"]
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
    address(kind, namespace, new)
    if metadata.get("uid") and metadata["uid"] != actual["uid"]:
        raise conflict(kind.key, name, _failed("UID", metadata["uid"], actual["uid"]))
    if metadata.get("resourceVersion") and metadata["resourceVersion"] != actual["resourceVersion"]:
        raise stale(kind.key, name)


def confined(kind: Kind, old: Obj, new: Obj, subresource: str | None) -> Obj:
    """What a write may really change: through a subresource only its fields, else all but those."""
    if subresource is None:
        if kind.has_status:
            new = _with_paths(new, old, (("status",),))
        for below in kind.subresources:
            _guard(kind, below, new, old)
        return new
    below_ = kind.subresource(subresource)
    if below_ is None or not below_.writes:
        raise no_such_path()
    return _with_paths(copy.deepcopy(old), new, below_.writes)


def _guard(kind: Kind, below: Subresource, new: Obj, old: Obj) -> None:
    """Keep what only this subresource may change (the status aside); refuse a write that says otherwise."""
    guarded = tuple(path for path in below.writes if path[0] != "status")
    for path in guarded:
        given = _value(new, path)
        if given is not None and given != _value(old, path):
            problems = Problems()
            problems.forbidden(".".join(path), f"may only be changed through the {below.name} subresource")
            raise invalid(kind.kind, kind.group, new["metadata"]["name"], problems.causes)
    _with_paths(new, old, guarded)


def _value(obj: Obj, path: Path) -> Any:
    for part in path:
        obj = obj.get(part) or {}
    return obj or None


def _with_paths(obj: Obj, source: Obj, paths: tuple[Path, ...]) -> Obj:
    """`obj` with the fields at `paths` as `source` has them, absent ones too."""
    for *parents, last in paths:
        here, there = obj, source
        for parent in parents:
            here, there = here.setdefault(parent, {}), there.get(parent) or {}
        here.pop(last, None)
        if last in there:
            here[last] = copy.deepcopy(there[last])
    return obj


def keep_server_fields(new: Obj, old: Obj) -> None:
    """Put back what an update cannot change."""
    for name in _SERVER_FIELDS:
        new["metadata"].pop(name, None)
        if name in old["metadata"]:
            new["metadata"][name] = copy.deepcopy(old["metadata"][name])
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]


def count_generation(new: Obj, old: Obj) -> None:
    """A new generation whenever what is wanted (not the metadata, not the status) changed."""
    if _desired(new) != _desired(old):
        new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1


def _desired(obj: Obj) -> Obj:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def ready_to_go(kind: Kind, obj: Obj) -> bool:
    """Deleted earlier, and nothing keeps it any more."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds") and not kind.held(obj)


def check_preconditions(resource: str, name: str, obj: Obj, wanted: Obj) -> None:
    for field, words in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        given, actual = wanted.get(field), obj["metadata"][field]
        if given and given != actual:
            raise conflict(resource, name, _failed(words, given, actual))


def set_propagation(obj: Obj, policy: str | None) -> None:
    """Express the policy as the finalizer that the garbage collector acts on."""
    if policy is None:
        return
    finalizers = obj["metadata"].get("finalizers") or []
    kept = [one for one in finalizers if one not in (_FOREGROUND, _ORPHAN)] + _PROPAGATIONS[policy]
    obj["metadata"].pop("finalizers", None)
    if kept:
        obj["metadata"]["finalizers"] = kept


def mark_deleted(kind: Kind, new: Obj, grace: int, asked: bool, now: datetime) -> bool:
    """Set the deletion on `new`; whether something (grace, finalizers, its kind) keeps the object for now.

    A deletion under way can only be hurried: by a shorter grace, and only when one was `asked` for.
    """
    metadata = new["metadata"]
    kept = bool(metadata.get("finalizers")) or kind.held(new)
    left = metadata.get("deletionGracePeriodSeconds", 0) if metadata.get("deletionTimestamp") else None
    if left is not None:
        grace = min(grace, left) if asked else left
    if grace != left:
        metadata["deletionTimestamp"] = rfc3339(now + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if kind.generation:
            metadata["generation"] = metadata.get("generation", 1) + 1
    return kept or grace > 0


def _failed(words: str, given: Any, actual: Any) -> str:
    return f"Precondition failed: {words} in precondition: {given}, {words} in object meta: {actual}"
