"""Objects and their history in one sqlite file: what is, and the last changes, each with its version.

Knows no kinds and no rules: keys, bytes, versions. One writer, on the event loop's thread; every write is one
transaction, so a kill -9 loses nothing that was answered. Only the registry calls it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, key TEXT NOT NULL, expires REAL, body BLOB NOT NULL, PRIMARY KEY (resource, key)
);
CREATE INDEX IF NOT EXISTS objects_expiring ON objects (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS changes (
    version INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, type TEXT NOT NULL,
    resource TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, old BLOB
);
CREATE INDEX IF NOT EXISTS changes_by_resource ON changes (resource, version);
CREATE TABLE IF NOT EXISTS compaction (version INTEGER NOT NULL);
"""
_FIRST_VERSION = 1  # so that no object and no list ever has version 0, which means "any" to clients
KEEP_SECONDS = 300
KEEP_CHANGES = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One write: type ADDED, MODIFIED or DELETED; `body` is the object after it (before it, when deleted)."""

    version: int
    type: str
    resource: str
    key: str
    body: bytes
    old: bytes | None


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of one list, in key order, as of one version; `more` when keys follow the last one."""

    rows: list[tuple[str, bytes]]
    more: bool


class Store:
    """The file at `path`. `on_change` is called with the resource key after every committed write."""

    def __init__(self, path: Path, on_change: Callable[[str], None] = lambda resource: None):
        path.touch(mode=0o600)  # it holds secrets
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA cache_size=-4096")
        self._db.executescript(_SCHEMA)
        if not self._db.execute("SELECT 1 FROM compaction").fetchone():
            self._db.execute("INSERT INTO compaction VALUES (?)", (_FIRST_VERSION,))
        self.on_change = on_change
        self.compacted = self._number("SELECT version FROM compaction")
        latest = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'")
        self.version = max(latest, self.compacted)

    def close(self) -> None:
        self._db.close()

    def get(self, resource: str, key: str) -> bytes | None:
        row = self._db.execute(
            "SELECT body FROM objects WHERE resource = ? AND key = ?", (resource, key)
        ).fetchone()
        return row[0] if row else None

    def put(
        self, resource: str, key: str, body: bytes, *, old: bytes | None, expires: float | None = None
    ) -> None:
        """Write an object whose body already carries version `self.version + 1`."""
        kind = "ADDED" if old is None else "MODIFIED"
        row = (resource, key, expires, body)
        self._write(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", row, (kind, resource, key, body, old)
        )

    def remove(self, resource: str, key: str, last: bytes, *, old: bytes) -> None:
        """Remove an object; `last` is its final state, carrying version `self.version + 1`."""
        change = ("DELETED", resource, key, last, old)
        self._write("DELETE FROM objects WHERE resource = ? AND key = ?", (resource, key), change)

    def page(self, resource: str, prefix: str, *, after: str = "", limit: int = 0, at: int = 0) -> Page:
        """Up to `limit` (0: all) objects with keys past `after`; `at` asks for the state of an older version.

        The caller has made sure that `compacted <= at <= version`.
        """
        rows = self._current(resource, prefix, after, limit)
        if at and at < self.version:
            rows = self._rewound(resource, prefix, after, limit, at)
        return Page(rows[:limit] if limit else rows, bool(limit) and len(rows) > limit)

    def count(self, resource: str, prefix: str, after: str) -> int:
        """How many current objects have keys past `after`."""
        where, values = _range(resource, prefix, after)
        return self._number(f"SELECT count(*) FROM objects WHERE {where}", *values)  # noqa: S608 - fixed text

    def changes(self, resource: str, after: int, limit: int = 200) -> list[Change]:
        """The changes of a resource past version `after`, oldest first."""
        query = """SELECT version, type, resource, key, body, old FROM changes
                   WHERE resource = ? AND version > ? ORDER BY version LIMIT ?"""
        return [Change(*row) for row in self._db.execute(query, (resource, after, limit))]

    def expired(self, now: float) -> list[tuple[str, str]]:
        """(resource, key) of the objects whose time is over."""
        return self._db.execute("SELECT resource, key FROM objects WHERE expires <= ?", (now,)).fetchall()

    def compact(
        self, keep_seconds: float = KEEP_SECONDS, keep: int = KEEP_CHANGES, floor: int | None = None
    ) -> None:
        """Forget changes older than `keep_seconds` or beyond the last `keep`; none past version `floor`."""
        aged = "SELECT coalesce(max(version), 0) FROM changes WHERE at <= ?"
        upto = max(self._number(aged, time.time() - keep_seconds), self.version - keep)
        upto = min(upto, self.version if floor is None else floor)
        if upto <= self.compacted:
            return
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM changes WHERE version <= ?", (upto,))
            self._db.execute("UPDATE compaction SET version = ?", (upto,))
        self.compacted = upto

    def _current(self, resource: str, prefix: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        where, values = _range(resource, prefix, after)
        query = f"SELECT key, body FROM objects WHERE {where} ORDER BY key LIMIT ?"  # noqa: S608 - fixed text
        return self._db.execute(query, (*values, limit + 1 if limit else -1)).fetchall()

    def _rewound(
        self, resource: str, prefix: str, after: str, limit: int, at: int
    ) -> list[tuple[str, bytes]]:
        """The rows as they were at version `at`: today's, with the first change since then undone."""
        where, values = _range(resource, prefix, after)
        query = f"""SELECT key, old, min(version) FROM changes
                    WHERE {where} AND version > ? GROUP BY key"""  # noqa: S608 - fixed text
        before = {key: old for key, old, _ in self._db.execute(query, (*values, at))}
        room = limit + len(before) if limit else 0
        rows = {key: body for key, body in self._current(resource, prefix, after, room) if key not in before}
        rows |= {key: old for key, old in before.items() if old is not None}
        return sorted(rows.items())

    def _write(self, statement: str, values: tuple, change: tuple) -> None:
        resource = change[1]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(statement, values)
            self._db.execute(
                "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", (self.version + 1, time.time(), *change)
            )
        self.version += 1
        self.on_change(resource)

    def _number(self, query: str, *values: object) -> int:
        return self._db.execute(query, values).fetchone()[0]


def _range(resource: str, prefix: str, after: str) -> tuple[str, tuple[str, ...]]:
    """The condition for keys under `prefix` ("" or "namespace/") and past `after`."""
    if not prefix:
        return "resource = ? AND key > ?", (resource, after)
    past = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return "resource = ? AND key > ? AND key < ?", (resource, max(after, prefix), past)
