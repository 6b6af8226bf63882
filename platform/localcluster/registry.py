"""Every object by resource, under the same rules whoever calls: the HTTP door and the controllers in this process.

Synchronous, and to be called on the event loop's thread only. Objects are plain JSON dicts as Kubernetes has
them; what is returned is the caller's own copy. Every refusal is an ApiError.
"""

from __future__ import annotations

import copy
import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from localcluster import managed, selectors, validation
from localcluster.kinds.core import SYSTEM_NAMESPACES
from localcluster.kinds.shapes import as_shape
from localcluster.managed import Writer
from localcluster.resources import Kind, Obj, Path, kind_of
from localcluster.status import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    no_such_path,
    not_found,
    stale,
)
from localcluster.store import Store
from localcluster.validation import Problems
from localcluster.watches import Subscription, Waker

MANAGER = "localcluster"
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes': no vowels, so no words
_SERVER_FIELDS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                  "generateName", "selfLink", "managedFields")  # fmt: skip
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"
_PROPAGATIONS = {"Foreground": {_FOREGROUND}, "Orphan": {_ORPHAN}, "Background": set()}
Change = Callable[[Obj], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Deletion:
    """How to delete: grace seconds, propagation policy, uid/resourceVersion preconditions, dry run."""

    grace: int | None = None
    propagation: str | None = None
    preconditions: Obj | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Write:
    """Who writes, where, and whether it counts."""

    manager: str = MANAGER
    subresource: str | None = None
    dry_run: bool = False


class Registry:
    """The objects in `store`. `now` is the clock, for timestamps and deadlines."""

    def __init__(self, store: Store, now: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self.store = store
        self.waker = Waker()
        self._now = now
        self._subscriptions: list[Subscription] = []
        store.on_change = self.waker.wake

    def bootstrap(self) -> None:
        """Make the namespaces every cluster has, with their service accounts; safe to repeat."""
        for name in SYSTEM_NAMESPACES:
            try:
                self.create("namespaces", None, {"metadata": {"name": name}}, manager="kube-apiserver")
            except ApiError as error:
                if error.code != 409:
                    raise

    # reading

    def get(self, resource: str, namespace: str | None, name: str) -> Obj:
        """The object; ApiError 404 when there is none."""
        return msgspec.json.decode(self.get_bytes(resource, namespace, name))

    def get_bytes(self, resource: str, namespace: str | None, name: str) -> bytes:
        """The object as the JSON it is stored as."""
        body = self.store.get(resource, _key(kind_of(resource), namespace, name))
        if body is None:
            raise not_found(resource, name)
        return body

    def list(
        self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        """All objects a label and a field selector choose, of one namespace or of all (None), by name."""
        kind = kind_of(resource)
        chosen = selection(kind, labels, fields)
        page = self.store.page(resource, prefix(kind, namespace))
        return [msgspec.json.decode(body) for _, body in page.rows if chosen.takes(body)]

    def subscribe(self, *resources: str) -> Subscription:
        """All objects of these resources as ADDED events, then every change; see watches.Subscription."""
        self._subscriptions = [one for one in self._subscriptions if not one.ended]
        subscription = Subscription(self.store, self.waker, resources)
        self._subscriptions.append(subscription)
        return subscription

    # writing

    def create(self, resource: str, namespace: str | None, obj: Obj, *, manager: str = MANAGER,
               dry_run: bool = False) -> Obj:  # fmt: skip
        """Store a new object, defaulted and checked; returns it."""
        kind = kind_of(resource)
        new = as_shape(obj, kind)
        self._address(kind, namespace, new)
        self._require_namespace(kind, namespace, new["metadata"].get("name", ""))
        if new["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        self._stamp(kind, new)
        if kind.has_status and not kind.status_on_create:
            new.pop("status", None)
        kind.default(new)
        kind.prepare(new, None, self._now())
        self._check(kind, new, None)
        key = _key(kind, namespace, new["metadata"]["name"])
        if self.store.get(resource, key) is not None:
            raise already_exists(resource, new["metadata"]["name"])
        new["metadata"].pop("managedFields", None)
        managed.record(new, None, self._writer(kind, Write(manager)), kind.lists)
        return self._created(kind, key, new, dry_run)

    def update(self, resource: str, namespace: str | None, name: str, obj: Obj, *, subresource: str | None = None,
               manager: str = MANAGER, dry_run: bool = False) -> Obj:  # fmt: skip
        """Replace an object, or the fields a subresource may write; 409 when its resourceVersion is stale."""
        kind = kind_of(resource)
        old = self.get(resource, namespace, name)
        new = as_shape(obj, kind)
        self._same_object(kind, namespace, name, new, old)
        return self._replace(kind, old, new, Write(manager, subresource, dry_run))

    def mutate(self, resource: str, namespace: str | None, name: str, change: Change, *,
               subresource: str | None = None, manager: str = MANAGER, dry_run: bool = False) -> Obj:  # fmt: skip
        """Read, let `change` alter the object in place, write; nothing is written when nothing changed."""
        obj = self.get(resource, namespace, name)
        change(obj)
        return self.update(
            resource, namespace, name, obj, subresource=subresource, manager=manager, dry_run=dry_run
        )

    def apply(self, resource: str, namespace: str | None, name: str, wanted: Obj, write: Write, *,
              force: bool = False) -> tuple[Obj, bool]:  # fmt: skip
        """Server-side apply; returns the object and whether it was created."""
        kind = kind_of(resource)
        wanted = as_shape(wanted, kind)
        if wanted["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        wanted["metadata"].setdefault("name", name)
        body = self.store.get(resource, _key(kind, namespace, name))
        writer = self._writer(kind, write)
        if body is None:
            return self._apply_new(kind, namespace, wanted, writer, write), True
        old = msgspec.json.decode(body)
        self._same_object(kind, namespace, name, wanted, old)
        merged = managed.apply(old, wanted, writer, force, kind.lists)
        return self._replace(kind, old, merged, write, applied=merged["metadata"]["managedFields"]), False

    def delete(self, resource: str, namespace: str | None, name: str, *, grace: int | None = None,
               propagation: str | None = None, preconditions: Obj | None = None) -> Obj:  # fmt: skip
        """Delete an object, or mark it deleted where grace, finalizers or its kind keep it; returns it."""
        return self.remove(resource, namespace, name, Deletion(grace, propagation, preconditions))[0]

    def remove(self, resource: str, namespace: str | None, name: str, how: Deletion) -> tuple[Obj, bool]:
        """As `delete`; also says whether the object is gone already."""
        kind = kind_of(resource)
        old = self.get(resource, namespace, name)
        _check_preconditions(resource, name, old, how.preconditions or {})
        if why := kind.undeletable(old):
            raise forbidden(resource, name, why)
        new = copy.deepcopy(old)
        _set_propagation(new, how.propagation)
        kept = self._mark_deleted(kind, new, kind.grace(new, how.grace), how.grace is not None)
        if kept:
            return self._commit(kind, old, new, how.dry_run), False
        return self._erase(kind, old, how.dry_run), True

    def finalize(self, resource: str, namespace: str | None, name: str) -> None:
        """Whoever ended this object (the kubelet, for pods) is done with it: remove it, finalizers permitting.

        Does nothing for an object that is gone or was never deleted.
        """
        kind = kind_of(resource)
        body = self.store.get(resource, _key(kind, namespace, name))
        old = msgspec.json.decode(body) if body else None
        if old is None or not old["metadata"].get("deletionTimestamp"):
            return
        if not old["metadata"].get("finalizers"):
            self._erase(kind, old, dry_run=False)
            return
        new = copy.deepcopy(old)
        new["metadata"]["deletionGracePeriodSeconds"] = 0
        self._commit(kind, old, new, dry_run=False)

    def event(self, regarding: Obj, type: str, reason: str, message: str, component: str) -> None:
        """Note something that happened to an object; the same again only counts up.

        Best effort: an event in a namespace that is going or gone is dropped.
        """
        metadata = regarding["metadata"]
        namespace = metadata.get("namespace") or "default"
        told = "\0".join((metadata.get("uid", ""), type, reason, message, component))
        name = f"{metadata['name'][:200]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"

        def again(event: Obj) -> None:
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = self.timestamp()

        try:
            self.mutate("events", namespace, name, again, manager=component)
        except ApiError as error:
            if error.code == 404:
                self._first_event(namespace, name, regarding, (type, reason, message, component))

    def expire(self) -> None:
        """Remove objects whose kind gives them a time to live, once it is over."""
        for resource, key in self.store.expired(self._now().timestamp()):
            body = self.store.get(resource, key)
            if body is not None:
                self._erase(kind_of(resource), msgspec.json.decode(body), dry_run=False)

    def compact(self, **keep: Any) -> None:
        """Forget old history (see Store.compact), but none that a subscription has still to read."""
        needed = [one.needs for one in self._subscriptions if not one.ended]
        self.store.compact(**keep, floor=min(needed, default=None))

    def timestamp(self) -> str:
        """Now, as Kubernetes writes times: RFC 3339, UTC, whole seconds."""
        return rfc3339(self._now())

    # how a write goes

    def _address(self, kind: Kind, namespace: str | None, new: Obj) -> None:
        """Make kind, apiVersion, namespace and name say where the object goes, or say why they cannot."""
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        metadata = new["metadata"]
        if kind.namespaced:
            given = metadata.setdefault("namespace", namespace)
            if not namespace or given != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            metadata.pop("namespace", None)
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
            metadata["name"] = metadata["generateName"][:58] + suffix

    def _require_namespace(self, kind: Kind, namespace: str | None, name: str) -> None:
        if not kind.namespaced:
            return
        within = self.get("namespaces", None, namespace or "")
        if within["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
            }
            raise forbidden(kind.key, name, why, [cause | {"field": "metadata.namespace"}])

    def _stamp(self, kind: Kind, new: Obj) -> None:
        metadata = new["metadata"]
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            metadata.pop(name, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = self.timestamp()
        if kind.generation:
            metadata["generation"] = 1

    def _check(self, kind: Kind, new: Obj, old: Obj | None) -> None:
        problems = Problems()
        validation.check_metadata(new["metadata"], kind.name_rule, problems)
        kind.validate(new, old, problems)
        if problems.causes:
            raise invalid(kind.kind, kind.group, new["metadata"].get("name", ""), problems.causes)

    def _same_object(self, kind: Kind, namespace: str | None, name: str, new: Obj, old: Obj) -> None:
        metadata = new["metadata"]
        if metadata.setdefault("name", name) != name:
            given = metadata["name"]
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        self._address(kind, namespace, new)
        wanted = {"uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")}
        if wanted["uid"] and wanted["uid"] != old["metadata"]["uid"]:
            why = f"Precondition failed: UID in precondition: {wanted['uid']}, UID in object meta: {old['metadata']['uid']}"
            raise conflict(kind.key, name, why)
        if wanted["resourceVersion"] and wanted["resourceVersion"] != old["metadata"]["resourceVersion"]:
            raise stale(kind.key, name)

    def _replace(self, kind: Kind, old: Obj, new: Obj, write: Write, applied: Any = None) -> Obj:
        """Write `new` over `old` as far as the subresource allows; `applied` are managedFields already settled."""
        new = _confined(kind, old, new, write.subresource)
        _keep_server_fields(new, old)
        kind.default(new)
        kind.prepare(new, old, self._now())
        self._check_finalizers(kind, new, old)
        self._check(kind, new, old)
        if kind.generation and _desired(new) != _desired(old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        if applied is not None:
            new["metadata"]["managedFields"] = applied
        elif not managed.same_but_for_times(new, old):
            managed.record(new, old, self._writer(kind, write), kind.lists)
        if managed.same_but_for_times(new, old):
            return old
        if _ready_to_go(kind, new):
            return self._erase(kind, old, write.dry_run, last=new)
        return self._commit(kind, old, new, write.dry_run)

    def _check_finalizers(self, kind: Kind, new: Obj, old: Obj) -> None:
        if not old["metadata"].get("deletionTimestamp"):
            return
        added = set(new["metadata"].get("finalizers") or []) - set(old["metadata"].get("finalizers") or [])
        if added:
            problems = Problems()
            why = f"no new finalizers can be added if the object is being deleted, found new finalizers {sorted(added)}"
            problems.forbidden("metadata.finalizers", why)
            raise invalid(kind.kind, kind.group, new["metadata"]["name"], problems.causes)

    def _apply_new(self, kind: Kind, namespace: str | None, wanted: Obj, writer: Writer, write: Write) -> Obj:
        """Create by apply: the applier owns what it named, nobody the defaults."""
        if write.subresource:
            raise not_found(kind.key, wanted["metadata"]["name"])
        if wanted["metadata"].get("uid"):
            raise conflict(kind.key, wanted["metadata"]["name"], "uid mismatch: the object does not exist")
        owners = managed.apply(None, wanted, writer, False, kind.lists)["metadata"]["managedFields"]
        made = self.create(kind.key, namespace, wanted, manager=write.manager, dry_run=True)
        made["metadata"]["managedFields"] = owners
        return self._created(kind, _key(kind, namespace, made["metadata"]["name"]), made, write.dry_run)

    def _mark_deleted(self, kind: Kind, new: Obj, grace: int, asked: bool) -> bool:
        """Set the deletion on `new`; whether something (grace, finalizers, its kind) keeps the object for now."""
        metadata = new["metadata"]
        kept = bool(metadata.get("finalizers")) or kind.held(new)
        if metadata.get("deletionTimestamp"):
            left = metadata.get("deletionGracePeriodSeconds", 0)
            grace = min(grace, left) if asked else left
            changed = grace != left
        else:
            changed = True
        if changed:
            metadata["deletionTimestamp"] = rfc3339(self._now() + timedelta(seconds=grace))
            metadata["deletionGracePeriodSeconds"] = grace
            if kind.generation:
                metadata["generation"] = metadata.get("generation", 1) + 1
        return kept or grace > 0

    def _created(self, kind: Kind, key: str, new: Obj, dry_run: bool) -> Obj:
        if dry_run:
            return new
        body = self._encode(new)
        self.store.put(kind.key, key, body, old=None, expires=self._expiry(kind))
        kind.created(self, new)
        return new

    def _commit(self, kind: Kind, old: Obj, new: Obj, dry_run: bool) -> Obj:
        if dry_run or new == old:
            return new
        before, body = msgspec.json.encode(old), self._encode(new)
        self.store.put(kind.key, _key_of(kind, new), body, old=before, expires=self._expiry(kind))
        return new

    def _erase(self, kind: Kind, old: Obj, dry_run: bool, last: Obj | None = None) -> Obj:
        gone = copy.deepcopy(last or old)
        if not dry_run:
            before = msgspec.json.encode(old)
            self.store.remove(kind.key, _key_of(kind, old), self._encode(gone), old=before)
        return gone

    def _encode(self, obj: Obj) -> bytes:
        """The JSON to store, after giving the object the version this write will have."""
        obj["metadata"]["resourceVersion"] = str(self.store.version + 1)
        return msgspec.json.encode(obj)

    def _expiry(self, kind: Kind) -> float | None:
        return self._now().timestamp() + kind.ttl_seconds if kind.ttl_seconds else None

    def _writer(self, kind: Kind, write: Write) -> Writer:
        return Writer(write.manager, kind.api_version, self.timestamp(), write.subresource or "")

    def _first_event(
        self, namespace: str, name: str, regarding: Obj, told: tuple[str, str, str, str]
    ) -> None:
        type_, reason, message, component = told
        now = self.timestamp()
        event = {
            "metadata": {"name": name},
            "involvedObject": _reference(regarding),
            "type": type_, "reason": reason, "message": message,
            "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
            "count": 1, "firstTimestamp": now, "lastTimestamp": now, "eventTime": None,
        }  # fmt: skip
        try:
            self.create("events", namespace, event, manager=component)
        except ApiError as error:
            if error.code not in (403, 404):
                raise


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selection(kind: Kind, labels: str, fields: str) -> selectors.Selection:
    """The selection that two query strings make among a kind's objects."""
    by_field = selectors.fields(fields, kind.selectable(), kind.key)
    return selectors.Selection(selectors.labels(labels), by_field)


def prefix(kind: Kind, namespace: str | None) -> str:
    """The start of the store keys of a kind's objects in a namespace; "" for all."""
    return f"{namespace}/" if kind.namespaced and namespace else ""


def _key(kind: Kind, namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if kind.namespaced else name


def _key_of(kind: Kind, obj: Obj) -> str:
    return _key(kind, obj["metadata"].get("namespace"), obj["metadata"]["name"])


def _reference(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    reference = {"kind": obj.get("kind"), "apiVersion": obj.get("apiVersion"), "name": metadata["name"]}
    reference |= {name: metadata.get(name) for name in ("namespace", "uid", "resourceVersion")}
    return {name: value for name, value in reference.items() if value}


def _confined(kind: Kind, old: Obj, new: Obj, subresource: str | None) -> Obj:
    """What a write may really change: through a subresource only its fields, else all but the status."""
    if subresource is None:
        if not kind.has_status:
            return new
        return _with_paths(new, old, (("status",),))
    below = kind.subresource(subresource)
    if below is None or not below.writes:
        raise no_such_path()
    return _with_paths(copy.deepcopy(old), new, below.writes)


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


def _keep_server_fields(new: Obj, old: Obj) -> None:
    for name in _SERVER_FIELDS:
        new["metadata"].pop(name, None)
        if name in old["metadata"]:
            new["metadata"][name] = copy.deepcopy(old["metadata"][name])
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]


def _desired(obj: Obj) -> Obj:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _ready_to_go(kind: Kind, obj: Obj) -> bool:
    """Deleted earlier, and nothing keeps it any more."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds") and not kind.held(obj)


def _check_preconditions(resource: str, name: str, obj: Obj, wanted: Obj) -> None:
    for field, words in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        given, actual = wanted.get(field), obj["metadata"][field]
        if given and given != actual:
            why = f"Precondition failed: {words} in precondition: {given}, {words} in object meta: {actual}"
            raise conflict(resource, name, why)


def _set_propagation(obj: Obj, policy: str | None) -> None:
    """Express the policy as the finalizer that the garbage collector acts on."""
    if policy is None:
        return
    finalizers = obj["metadata"].get("finalizers") or []
    kept = [one for one in finalizers if one not in (_FOREGROUND, _ORPHAN)] + sorted(_PROPAGATIONS[policy])
    obj["metadata"].pop("finalizers", None)
    if kept:
        obj["metadata"]["finalizers"] = kept
