"""The text of chunks, by their rows. Errors: StoreError; Missing where an object is gone for good."""

from functools import lru_cache

from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import Missing, Store, store
from workloads.keeping.text import SECONDS, Place, offset_of, time_of, unpack


def text_of(chunk: KeptChunk, where: Store | None = None) -> bytes:
    """Its lines as the row counts them, also where the row has been written anew meanwhile."""
    where = where or store()
    try:
        return unpack(where.get(chunk.key))
    except Missing:
        grown = KeptChunk.objects.filter(log=chunk.log_id, first_line=chunk.first_line).first()
        if grown is None or grown.key == chunk.key:
            raise
        text = unpack(where.get(grown.key))
        return text[: offset_of(text, chunk.lines)]


def lines_of(chunk: KeptChunk) -> list[bytes]:
    """Its lines, without their ends; a few chunks are remembered."""
    try:
        return _lines(chunk.key)
    except Missing:
        return text_of(chunk).split(b"\n")[:-1]


@lru_cache(maxsize=8)
def _lines(key: str) -> list[bytes]:
    return unpack(store().get(key)).split(b"\n")[:-1]


def place_of(log: KeptLog, where: Store | None = None) -> Place:
    """Where the first `log.lines` lines of it end, though more may be kept by now."""
    place = Place()
    rows, before = KeptChunk.objects.filter(log=log).order_by("first_line"), log.lines
    while chunk := rows.filter(first_line__lt=before).last():
        before = chunk.first_line
        try:
            more = text_of(chunk, where)
        except Missing:
            return _by_index(chunk)
        ours = len(more) if chunk.end <= log.lines else offset_of(more, log.lines - before)
        text = more[:ours]
        place = place.preceded_by(text)
        if time_of(text)[:SECONDS] < place.since:
            break
    return place


def _by_index(chunk: KeptChunk) -> Place:
    """About where a chunk ends whose text is lost: what has a later time is new."""
    last = chunk.last_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if chunk.last_at else ""
    return Place(last[:SECONDS], 1, "", last) if last else Place()
