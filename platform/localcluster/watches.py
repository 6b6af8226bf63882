"""Following changes: a cursor into the store's history, woken when there is more. No queues, so nobody's
slowness costs memory: who falls behind the kept history is told so.

`Subscription` is for controllers in this process; the HTTP watch (`streams`) shares the `Waker`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from localcluster.store import Store

Obj = dict[str, Any]
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One change: type ADDED, MODIFIED or DELETED, the object after it, and before it (None when added)."""

    type: str
    resource: str
    object: Obj
    old: Obj | None


class Waker:
    """Wakes whoever waits on a resource when the store has written to it."""

    def __init__(self) -> None:
        self._signals: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.closed = False

    def wake(self, resource: str) -> None:
        for signal in self._signals[resource]:
            signal.set()

    def listen(self, *resources: str) -> asyncio.Event:
        signal = asyncio.Event()
        for resource in resources:
            self._signals[resource].add(signal)
        return signal

    def join(self, signal: asyncio.Event, resource: str) -> None:
        """Have `signal` wake for one more resource."""
        self._signals[resource].add(signal)

    def forget(self, signal: asyncio.Event) -> None:
        for signals in self._signals.values():
            signals.discard(signal)

    def close(self) -> None:
        """End every watch: they wake, see `closed` and return."""
        self.closed = True
        for signals in self._signals.values():
            for signal in signals:
                signal.set()


class Subscription:
    """Async iterator of Events over some resources: first ADDED for all that exist, then every change.

    Each event carries fresh copies, which the receiver may keep and change. `close()` ends the iteration,
    even one that is waiting. History this reader still needs is not compacted (`needs` says from where).
    """

    def __init__(self, store: Store, waker: Waker, resources: tuple[str, ...]):
        self._store, self._waker, self._resources = store, waker, resources
        self._signal = waker.listen(*resources)
        self._closed = False
        self._cursor = store.version
        self._waiting = False
        self._events = self._follow()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    def include(self, resource: str) -> None:
        """Tell of one more resource from now on; whoever asks looks for what there is of it already."""
        if resource not in self._resources:
            self._resources = (*self._resources, resource)
            self._waker.join(self._signal, resource)

    def close(self) -> None:
        self._closed = True
        self._signal.set()
        self._waker.forget(self._signal)

    @property
    def needs(self) -> int:
        """The version after which this reader may still have to read history."""
        return self._store.version if self._waiting and not self._signal.is_set() else self._cursor

    @property
    def ended(self) -> bool:
        return self._closed or self._waker.closed

    async def _follow(self) -> AsyncIterator[Event]:
        start = self._cursor
        for resource in self._resources:
            for event in self._existing(resource, start):
                yield event
        while not self.ended:
            self._signal.clear()
            head = self._store.version
            for event in self._since(head):
                yield event
            if self._store.version == head and not self.ended:
                self._waiting = True
                await self._signal.wait()
                self._waiting = False

    def _existing(self, resource: str, at: int) -> Iterator[Event]:
        after, more = "", True
        while more and not self.ended:
            page = self._store.page(resource, "", after=after, limit=_BATCH, at=at)
            for key, body in page.rows:
                yield Event("ADDED", resource, msgspec.json.decode(body), None)
                after = key
            more = page.more

    def _since(self, head: int) -> list[Event]:
        """The changes up to version `head`, in order over all resources; moves the cursor."""
        changes = []
        for resource in self._resources:
            changes += self._store.changes(resource, self._cursor, limit=-1)
        self._cursor = head
        changes.sort(key=lambda change: change.version)
        decode = msgspec.json.decode
        return [
            Event(one.type, one.resource, decode(one.body), decode(one.old) if one.old else None)
            for one in changes
        ]
