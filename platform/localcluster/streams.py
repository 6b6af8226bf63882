"""Watches over HTTP: newline-separated JSON events from a version on, bookmarks, and selections that objects
enter and leave. Reads the store's history by cursor, so a slow reader holds no memory here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import msgspec

from localcluster.listing import check_reached
from localcluster.query import ListOptions
from localcluster.registry import Registry, prefix, selection
from localcluster.resources import Kind
from localcluster.selectors import Selection
from localcluster.status import expired
from localcluster.store import Change

BOOKMARK_SECONDS = 55.0
_DEFAULT_TIMEOUT = 1800
_BATCH = 200


@dataclass
class Watch:
    """One client's watch: what it selects, and the version up to which it has been told everything."""

    registry: Registry
    kind: Kind
    prefix: str
    chosen: Selection
    options: ListOptions
    cursor: int

    @classmethod
    def open(cls, registry: Registry, kind: Kind, namespace: str | None, options: ListOptions) -> Watch:
        """Refuses, before anything is sent, selectors that cannot be read and versions not yet reached."""
        check_reached(registry, options.version)
        chosen = selection(kind, options.labels, options.fields)
        cursor = options.version or registry.store.version
        return cls(registry, kind, prefix(kind, namespace), chosen, options, cursor)

    async def events(self) -> AsyncIterator[bytes]:
        """The lines to send, until the time is over, the history is too old, or the server closes."""
        loop = asyncio.get_running_loop()
        seconds = self.options.timeout or _DEFAULT_TIMEOUT * (1 + random.random())
        deadline, bookmark_at = loop.time() + seconds, loop.time() + BOOKMARK_SECONDS
        signal = self.registry.waker.listen(self.kind.key)
        try:
            for lines in self._initial():
                yield lines
            while not self.registry.waker.closed:
                signal.clear()
                if self.cursor < self.registry.store.compacted:
                    yield self._too_old()
                    return
                lines, all_told = self._news()
                if lines:
                    yield lines
                if not all_told:
                    continue
                now = loop.time()
                if now >= min(bookmark_at, deadline):
                    bookmark_at = now + BOOKMARK_SECONDS
                    if self.options.bookmarks:
                        yield self._bookmark()
                if now >= deadline:
                    return
                await _wait(signal, min(bookmark_at, deadline) - now)
        finally:
            self.registry.waker.forget(signal)

    def _initial(self) -> Iterator[bytes]:
        """What exists, as ADDED, for a watch that did not say where to start or asked for it."""
        wanted = self.options.initial_events
        if wanted is None:
            wanted = not self.options.version
        if wanted:
            self.cursor = self.registry.store.version
            yield from self._existing()
            if self.options.initial_events and self.options.bookmarks:
                yield self._bookmark({"k8s.io/initial-events-end": "true"})

    def _existing(self) -> Iterator[bytes]:
        after, more = "", True
        while more and self.cursor >= self.registry.store.compacted:
            page = self.registry.store.page(
                self.kind.key, self.prefix, after=after, limit=_BATCH, at=self.cursor
            )
            lines = [_line("ADDED", body) for _, body in page.rows if self.chosen.takes(body)]
            if lines:
                yield b"".join(lines)
            after, more = (page.rows[-1][0] if page.rows else after), page.more

    def _news(self) -> tuple[bytes, bool]:
        """The next lines, and whether they bring the client up to date; moves the cursor."""
        head = self.registry.store.version
        changes = self.registry.store.changes(self.kind.key, self.cursor, _BATCH)
        all_told = len(changes) < _BATCH
        self.cursor = head if all_told else changes[-1].version
        return b"".join(self._told(one) for one in changes if one.key.startswith(self.prefix)), all_told

    def _told(self, change: Change) -> bytes:
        """The line for a change, b"" when this selection sees nothing of it."""
        if self.chosen.everything:
            return _line(change.type, change.body)
        was = change.old is not None and self.chosen.takes(change.old)
        if change.type == "DELETED":
            return _line("DELETED", change.body) if was else b""
        if self.chosen.takes(change.body):
            return _line("MODIFIED" if was else "ADDED", change.body)
        return _line("DELETED", _at_version(change.old or b"", change.version)) if was else b""

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        metadata: dict[str, object] = {"resourceVersion": str(self.cursor), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        obj = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata}
        return _line("BOOKMARK", msgspec.json.encode(obj))

    def _too_old(self) -> bytes:
        error = expired(f"too old resource version: {self.cursor} ({self.registry.store.compacted})")
        return _line("ERROR", msgspec.json.encode(error.status()))


def _line(type_: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (type_.encode(), body)


def _at_version(body: bytes, version: int) -> bytes:
    """An object as it was when it left the selection, with the version that took it out."""
    obj = msgspec.json.decode(body)
    obj["metadata"]["resourceVersion"] = str(version)
    return msgspec.json.encode(obj)


async def _wait(signal: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await signal.wait()
    except TimeoutError:
        pass
