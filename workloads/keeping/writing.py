"""Writes one log under a claim: gathers lines, packs them into chunks, keeps the index.

What is in the store but not in the index does not count: a writer that dies in between is taken up from the
index, and its object goes with the log.
"""

import threading
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import transaction

from workloads.keeping import claims
from workloads.keeping.chunks import place_of, text_of
from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import Missing, Store, key_of
from workloads.keeping.text import Place, first_and_last, lines_in, pack
from workloads.keeping.upstream import let_go_of_the_database

CHUNK_BYTES, CHUNK_SECONDS = 2**20, 30.0
GATHER_BYTES = 8 * CHUNK_BYTES  # one transaction for eight chunks


class Writer:
    """Appends to `log`, which its holder has claimed. Every method may raise ClaimLost and StoreError."""

    def __init__(self, log: KeptLog, store: Store, share: Callable[[], int] = lambda: GATHER_BYTES):
        """`share` says how many bytes may be gathered before they are written."""
        self.log, self._store, self._share = log, store, share
        self._last: KeptChunk | None = None
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
            if self._bytes >= self._share():
                self.flush()

    @property
    def due(self) -> bool:
        """Whether what was gathered has waited long enough."""
        return bool(self._text) and time.monotonic() - self._since >= CHUNK_SECONDS

    def flush(self) -> None:
        """Write what was gathered. Should that fail it stays gathered."""
        with self._lock:
            if self._text:
                self._write(self._text)
                self._text, self._bytes = [], 0
                let_go_of_the_database()  # the stream may be silent for hours; the pool is small

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

    def _write(self, text: list[bytes]) -> None:
        """The text, with that of the last chunk where there is room in it, as chunks; then the index."""
        tail, before = self._tail(self._bytes)
        made, place = [], tail.first_line if tail else self.log.lines
        for piece in _pieces([before, *text]):
            made.append(self._put(place, piece))
            place = made[-1].end
        old = tail or KeptChunk(bytes=0, stored_bytes=0)
        with transaction.atomic():
            claims.grow(
                self.log,
                lines=place,
                bytes=sum(chunk.bytes for chunk in made) - old.bytes,
                stored_bytes=sum(chunk.stored_bytes for chunk in made) - old.stored_bytes,
                first_at=self.log.first_at or made[0].first_at,
                last_at=made[-1].last_at or self.log.last_at,
            )
            if tail:
                tail.delete()
            KeptChunk.objects.bulk_create(made)
        self._last = made[-1]
        self._store.delete(*([old.key] if tail else []), *_shorten(self.log, settings.LOG_BYTES))

    def _tail(self, more: int) -> tuple[KeptChunk | None, bytes]:
        """The last chunk and its text, where `more` bytes still fit into it."""
        if self._last is None:
            self._last = KeptChunk.objects.filter(log=self.log).order_by("first_line").last()
        last = self._last
        if last is None or last.end != self.log.lines or last.bytes + more > CHUNK_BYTES:
            return None, b""
        try:
            return last, text_of(last, self._store)
        except Missing:
            return None, b""

    def _put(self, first_line: int, text: bytes) -> KeptChunk:
        lines, (first_at, last_at), data = lines_in(text), first_and_last(text), pack(text)
        key = key_of(self.log.pk, first_line, lines, self.log.epoch)
        self._store.put(key, data)
        return KeptChunk(
            log=self.log,
            first_line=first_line,
            lines=lines,
            first_at=first_at,
            last_at=last_at,
            key=key,
            bytes=len(text),
            stored_bytes=len(data),
        )


def _pieces(blocks: list[bytes]) -> Iterator[bytes]:
    """The blocks put together to about CHUNK_BYTES each. None is cut, and none is copied twice."""
    together: list[bytes] = []
    size = 0
    for block in blocks:
        if together and size + len(block) > CHUNK_BYTES:
            yield b"".join(together)
            together, size = [], 0
        together.append(block)
        size += len(block)
    yield b"".join(together)


def _shorten(log: KeptLog, most: int) -> list[str]:
    """Let go of the middle of a log of more than `most` bytes; the keys of what went."""
    over, head, gone = log.bytes - most, 0, []
    if over <= 0:
        return []
    with claims.fenced(log) as row:
        for chunk in KeptChunk.objects.filter(log=log).order_by("first_line"):
            head += chunk.bytes
            if head > most // 2 and over > 0 and chunk.end != log.lines:
                gone.append(chunk)
                over -= chunk.bytes
        forget(row, gone)
    log.bytes, log.stored_bytes = row.bytes, row.stored_bytes
    return [chunk.key for chunk in gone]


def forget(row: KeptLog, chunks: list[KeptChunk]) -> None:
    """Take `chunks` out of the index, in the transaction that holds `row`; their objects go afterwards."""
    row.bytes -= sum(chunk.bytes for chunk in chunks)
    row.stored_bytes -= sum(chunk.stored_bytes for chunk in chunks)
    row.save(update_fields=["bytes", "stored_bytes"])
    KeptChunk.objects.filter(pk__in=[chunk.pk for chunk in chunks]).delete()
