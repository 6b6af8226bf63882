"""Every object by resource, under the same rules whoever calls: the HTTP door or a controller in process.

Synchronous, and to be called on the event loop's thread only. Objects are plain JSON dicts as Kubernetes has
them; what is returned is the caller's own copy. Every refusal is an ApiError.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from localcluster import events, managed, rules, selectors
from localcluster.kinds import core, priorities, storage
from localcluster.kinds.definitions import KEY as DEFINITIONS
from localcluster.kinds.shape import as_shape
from localcluster.managed import Writer
from localcluster.resources import Kind, Obj
from localcluster.served import Served
from localcluster.status import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    not_found,
    too_large,
)
from localcluster.store import Store
from localcluster.watches import Subscription, Waker

MANAGER = "localcluster"
LARGEST_BYTES = 4 * 1024 * 1024  # of one stored object: the largest body, and what the server adds to it
Change = Callable[[Obj], None]


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
        self.served = Served()
        store.on_change = self.waker.wake
        for definition in self.list(DEFINITIONS):
            self.served.define(definition)

    def bootstrap(self) -> None:
        """Make what every cluster has: namespaces, priorities, a class of storage; safe to repeat."""
        for resource, obj in (*priorities.FIRST, *core.FIRST, *storage.FIRST):
            try:
                self.create(resource, None, obj, manager="kube-apiserver")
            except ApiError as error:
                if error.code != 409:
                    raise

    # reading

    def get(self, resource: str, namespace: str | None, name: str) -> Obj:
        """The object; ApiError 404 when there is none."""
        return msgspec.json.decode(self.get_bytes(resource, namespace, name))

    def get_bytes(self, resource: str, namespace: str | None, name: str) -> bytes:
        """The object as the JSON it is stored as."""
        body = self.store.get(resource, _key(self.served.of(resource), namespace, name))
        if body is None:
            raise not_found(resource, name)
        return body

    def list(
        self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        """All objects a label and a field selector choose, of one namespace or of all (None), by name."""
        kind = self.served.of(resource)
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

    def create(
        self,
        resource: str,
        namespace: str | None,
        obj: Obj,
        *,
        manager: str = MANAGER,
        dry_run: bool = False,
    ) -> Obj:
        """Store a new object, defaulted and checked; returns it."""
        kind = self.served.of(resource)
        new = as_shape(obj, kind)
        rules.address(kind, namespace, new)
        self._require_namespace(kind, namespace, new["metadata"].get("name", ""))
        rules.stamp(kind, new, self._now())
        kind.default(new)
        kind.admit(self, new)
        kind.prepare(new, None, self._now())
        rules.check(kind, new, None)
        key = _key(kind, namespace, new["metadata"]["name"])
        if self.store.get(resource, key) is not None:
            raise already_exists(resource, new["metadata"]["name"])
        managed.record(new, None, self._writer(kind, Write(manager)), kind.lists)
        return self._created(kind, key, new, dry_run)

    def update(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        obj: Obj,
        *,
        subresource: str | None = None,
        manager: str = MANAGER,
        dry_run: bool = False,
    ) -> Obj:
        """Replace an object, or the fields a subresource may write; 409 when its resourceVersion is stale."""
        kind = self.served.of(resource)
        old = self.get(resource, namespace, name)
        new = as_shape(obj, kind)
        rules.same_object(kind, namespace, name, new, old)
        return self._replace(kind, old, new, Write(manager, subresource, dry_run))

    def mutate(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        change: Change,
        *,
        subresource: str | None = None,
        manager: str = MANAGER,
        dry_run: bool = False,
    ) -> Obj:
        """Read, let `change` alter the object in place, write; nothing is written when nothing changed."""
        obj = self.get(resource, namespace, name)
        change(obj)
        return self.update(
            resource, namespace, name, obj, subresource=subresource, manager=manager, dry_run=dry_run
        )

    def apply(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        wanted: Obj,
        write: Write,
        *,
        force: bool = False,
    ) -> tuple[Obj, bool]:
        """Server-side apply; returns the object and whether it was created."""
        kind = self.served.of(resource)
        wanted = as_shape(wanted, kind)
        if wanted["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        wanted["metadata"].setdefault("name", name)
        body = self.store.get(resource, _key(kind, namespace, name))
        writer = self._writer(kind, write)
        if body is None:
            return self._apply_new(kind, namespace, wanted, writer, write), True
        old = msgspec.json.decode(body)
        rules.same_object(kind, namespace, name, wanted, old)
        merged = managed.apply(old, wanted, writer, force, kind.lists)
        return self._replace(kind, old, merged, write, applied=merged["metadata"]["managedFields"]), False

    def delete(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        *,
        grace: int | None = None,
        propagation: str | None = None,
        preconditions: Obj | None = None,
    ) -> Obj:
        """Delete an object, or mark it deleted where grace, finalizers or its kind keep it; returns it."""
        return self.remove(resource, namespace, name, Deletion(grace, propagation, preconditions))[0]

    def remove(self, resource: str, namespace: str | None, name: str, how: Deletion) -> tuple[Obj, bool]:
        """As `delete`; also says whether the object is gone already."""
        kind = self.served.of(resource)
        old = self.get(resource, namespace, name)
        rules.check_preconditions(resource, name, old, how.preconditions or {})
        if why := kind.undeletable(old):
            raise forbidden(resource, name, why)
        new = copy.deepcopy(old)
        rules.set_propagation(new, how.propagation)
        grace = kind.grace(new, how.grace)
        kept = rules.mark_deleted(kind, new, grace, how.grace is not None, self._now())
        if kept:
            return self._commit(kind, old, new, how.dry_run), False
        return self._erase(kind, old, how.dry_run), True

    def finalize(self, resource: str, namespace: str | None, name: str) -> None:
        """Whoever ended this object (the kubelet, for pods) is done: remove it, finalizers permitting.

        Does nothing for an object that is gone or was never deleted.
        """
        kind = self.served.of(resource)
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
        """Note something that happened to an object; the same again only counts up. See `events`."""
        events.record(self, regarding, events.Note(type, reason, message, component))

    def expire(self) -> None:
        """Remove objects whose kind gives them a time to live, once it is over."""
        for resource, key in self.store.expired(self._now().timestamp()):
            body = self.store.get(resource, key)
            if body is not None:
                self._erase(self.served.of(resource), msgspec.json.decode(body), dry_run=False)

    def erase_all(self, resource: str) -> None:
        """Remove all objects of a resource, for what is served no more."""
        for obj in self.list(resource):
            self._erase(self.served.of(resource), obj, dry_run=False)

    def compact(self, **keep: Any) -> None:
        """Forget old history (see Store.compact), but none that a subscription has still to read."""
        needed = [one.needs for one in self._subscriptions if not one.ended]
        self.store.compact(**keep, floor=min(needed, default=None))

    def timestamp(self) -> str:
        """Now, as Kubernetes writes times: RFC 3339, UTC, whole seconds."""
        return rules.rfc3339(self._now())

    # how a write goes

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

    def _replace(self, kind: Kind, old: Obj, new: Obj, write: Write, applied: Any = None) -> Obj:
        """Write `new` over `old`, as far as the subresource allows; `applied` are settled managedFields."""
        new = rules.confined(kind, old, new, write.subresource)
        rules.keep_server_fields(new, old)
        kind.default(new)
        kind.prepare(new, old, self._now())
        rules.check(kind, new, old)
        if kind.generation:
            rules.count_generation(new, old)
        if applied is not None:
            new["metadata"]["managedFields"] = applied
        elif not managed.same_but_for_times(new, old):
            managed.record(new, old, self._writer(kind, write), kind.lists)
        if managed.same_but_for_times(new, old):
            return old
        if rules.ready_to_go(kind, new):
            return self._erase(kind, old, write.dry_run, last=new)
        return self._commit(kind, old, new, write.dry_run)

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

    def _created(self, kind: Kind, key: str, new: Obj, dry_run: bool) -> Obj:
        if dry_run:
            return new
        body = self._encode(new)
        self.store.put(kind.key, key, body, old=None, expires=self._expiry(kind))
        kind.created(self, new)
        kind.stored(self, new)
        return new

    def _commit(self, kind: Kind, old: Obj, new: Obj, dry_run: bool) -> Obj:
        if dry_run or new == old:
            return new
        before, body = msgspec.json.encode(old), self._encode(new)
        self.store.put(kind.key, _key_of(kind, new), body, old=before, expires=self._expiry(kind))
        kind.stored(self, new)
        return new

    def _erase(self, kind: Kind, old: Obj, dry_run: bool, last: Obj | None = None) -> Obj:
        gone = copy.deepcopy(last or old)
        if not dry_run:
            before = msgspec.json.encode(old)
            self.store.remove(kind.key, _key_of(kind, old), self._encode(gone), old=before)
            kind.erased(self, gone)
        return gone

    def _encode(self, obj: Obj) -> bytes:
        """The JSON to store, after giving the object the version this write will have."""
        obj["metadata"]["resourceVersion"] = str(self.store.version + 1)
        named = {name: obj[name] for name in ("apiVersion", "kind")}  # first, where a list cuts them off
        body = msgspec.json.encode(named | obj)
        if len(body) > LARGEST_BYTES:
            raise too_large(LARGEST_BYTES)
        return body

    def _expiry(self, kind: Kind) -> float | None:
        return self._now().timestamp() + kind.ttl_seconds if kind.ttl_seconds else None

    def _writer(self, kind: Kind, write: Write) -> Writer:
        return Writer(write.manager, kind.api_version, self.timestamp(), write.subresource or "")


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
