"""The text of chunks, by their rows. Errors: StoreError; Missing where an object is gone for good."""

from functools import lru_cache

from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import Missing, Store, store
from workloads.keeping.text import SECONDS, Place, time_of, unpack


def text_of(chunk: KeptChunk, where: Store | None = None) -> bytes:
    """Its lines as the row counts them, also where the row has been written anew meanwhile."""
    where = where or store()
    try:
        return unpack(where.get(chunk.key))
    except Missing:
        grown = KeptChunk.objects.filter(log=chunk.log_id, first_line=chunk.first_line).first()
        if grown is None or grown.key == chunk.key:
            raise
        lines = unpack(where.get(grown.key)).split(b"\n")[: chunk.lines]
        return b"".join(line + b"\n" for line in lines)


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
    times: list[str] = []
    rows, before = KeptChunk.objects.filter(log=log).order_by("first_line"), log.lines
    while chunk := rows.filter(first_line__lt=before).last():
        before = chunk.first_line
        try:
            lines = text_of(chunk, where).split(b"\n")[:-1]
        except Missing:
            return _by_index(chunk)
        times[:0] = [time_of(line) for line in lines[: log.lines - chunk.first_line]]
        place = Place().after(times)
        if times[0][:SECONDS] < place.since:
            return place
    return Place().after(times)


def _by_index(chunk: KeptChunk) -> Place:
    """About where a chunk ends whose text is lost: what has a later time is new."""
    last = chunk.last_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if chunk.last_at else ""
    return Place(last[:SECONDS], 1, "", last) if last else Place()
