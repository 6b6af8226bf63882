"""Writes one log under a claim: gathers lines, packs them into chunks, keeps the index.

What is in the store but not in the index does not count: a writer that dies in between is taken up from the
index, and its object goes with the log.
"""

import threading
import time

from django.conf import settings

from workloads.keeping import claims
from workloads.keeping.chunks import place_of, text_of
from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import Missing, Store, key_of
from workloads.keeping.text import Place, first_and_last, pack

CHUNK_BYTES, CHUNK_SECONDS = 2**20, 30.0


class Writer:
    """Appends to `log`, which its holder has claimed. Every method may raise ClaimLost and StoreError."""

    def __init__(self, log: KeptLog, store: Store, most_bytes: int = CHUNK_BYTES):
        self.log, self._store, self._most = log, store, most_bytes
        self._text: list[bytes] = []
        self._bytes, self._since = 0, 0.0
        self._lock = threading.RLock()
        self._place: Place | None = None

    def add(self, text: bytes) -> None:
        """Whole lines; written when there are enough of them."""
        if not text:
            return
        with self._lock:
            self._since = self._since if self._text else time.monotonic()
            self._text.append(text)
            self._bytes += len(text)
            self._place = None
            if self._bytes >= self._most:
                self.flush()

    @property
    def due(self) -> bool:
        """Whether what was gathered has waited long enough."""
        return bool(self._text) and time.monotonic() - self._since >= CHUNK_SECONDS

    def flush(self) -> None:
        """Write what was gathered. Should that fail it stays gathered."""
        with self._lock:
            if self._text:
                self._write(b"".join(self._text))
                self._text, self._bytes = [], 0

    def finish(self) -> None:
        """There will be no more lines."""
        with self._lock:
            self.flush()
            with claims.fenced(self.log) as row:
                row.complete, row.holder, row.held_until = True, "", None
                row.save(update_fields=["complete", "holder", "held_until"])
            self.log.complete = True

    def note(self, text: str) -> None:
        """Say that something is missing before the next line."""
        with self._lock:
            self.flush()
            with claims.fenced(self.log) as row:
                row.notes = [*row.notes, {"line": row.lines, "text": text}]
                row.save(update_fields=["notes"])

    def place(self) -> Place:
        """Where to go on reading; nothing may be gathered."""
        with self._lock:
            if self._place is None:
                self._place = place_of(self.log, self._store)
            return self._place

    def _write(self, text: bytes) -> None:
        tail, before = self._tail(len(text))
        chunk = self._chunk(tail.first_line if tail else self.log.lines, before + text)
        self._store.put(chunk.key, data := pack(before + text))
        chunk.stored_bytes = len(data)
        with claims.fenced(self.log) as row:
            if tail:
                chunk.pk = tail.pk
            chunk.save()
            _grow(row, chunk, tail)
            gone = _shorten(row, settings.LOG_BYTES)
        self.log.lines = row.lines
        self._store.delete(*([tail.key] if tail else []), *gone)

    def _tail(self, more: int) -> tuple[KeptChunk | None, bytes]:
        """The last chunk and its text, where `more` bytes still fit into it."""
        last = KeptChunk.objects.filter(log=self.log).order_by("-first_line").first()
        if last is None or last.end != self.log.lines or last.bytes + more > CHUNK_BYTES:
            return None, b""
        try:
            return last, text_of(last, self._store)
        except Missing:
            return None, b""

    def _chunk(self, first_line: int, text: bytes) -> KeptChunk:
        lines, (first_at, last_at) = text.count(b"\n"), first_and_last(text)
        key = key_of(self.log.pk, first_line, lines, self.log.epoch)
        return KeptChunk(
            log=self.log,
            first_line=first_line,
            lines=lines,
            first_at=first_at,
            last_at=last_at,
            key=key,
            bytes=len(text),
        )


def _grow(row: KeptLog, chunk: KeptChunk, tail: KeptChunk | None) -> None:
    """The facts of the log with `chunk`, which took the place of `tail`."""
    row.lines = chunk.end
    row.bytes += chunk.bytes - (tail.bytes if tail else 0)
    row.stored_bytes += chunk.stored_bytes - (tail.stored_bytes if tail else 0)
    row.first_at, row.last_at = row.first_at or chunk.first_at, chunk.last_at or row.last_at
    row.save(update_fields=["lines", "bytes", "stored_bytes", "first_at", "last_at"])


def _shorten(row: KeptLog, most: int) -> list[str]:
    """Let go of the middle of a log of more than `most` bytes; the keys of what went."""
    over, head, gone = row.bytes - most, 0, []
    if over <= 0:
        return []
    for chunk in KeptChunk.objects.filter(log=row).order_by("first_line"):
        head += chunk.bytes
        if head > most // 2 and over > 0 and chunk.end != row.lines:
            gone.append(chunk)
            over -= chunk.bytes
    forget(row, gone)
    return [chunk.key for chunk in gone]


def forget(row: KeptLog, chunks: list[KeptChunk]) -> None:
    """Take `chunks` out of the index, in the transaction that holds `row`; their objects go afterwards."""
    row.bytes -= sum(chunk.bytes for chunk in chunks)
    row.stored_bytes -= sum(chunk.stored_bytes for chunk in chunks)
    row.save(update_fields=["bytes", "stored_bytes"])
    KeptChunk.objects.filter(pk__in=[chunk.pk for chunk in chunks]).delete()
