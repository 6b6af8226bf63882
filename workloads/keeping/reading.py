"""Reads a whole log: the kept part by its index, and beyond it what the cluster still has.

Lines are numbered from 0 at the first line of a run of a container, kept or not, live or not: every reader
counts alike. Where a run is kept to its end the cluster is not asked. Used through `workloads.logs`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from django.utils import timezone

from runyard.clusters.connection import ApiError, ClusterError
from workloads.keeping import chunks, upstream
from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import StoreError
from workloads.keeping.text import Place, moment, offset_of, time_of
from workloads.keeping.upstream import Line, as_line, lines_of
from workloads.models import Pod

MOST_LINES, MOST_NUMBER = 100_000, 2**62


@dataclass
class LogPage:
    """Some lines of a log; `first` is the number of the first; `error` says why there are none, `unread` why
    those of the cluster are not among them.

    `total` is how many lines the log has as far as was read: kept ones, and what the cluster was asked for.
    `notes` say, by the number of a line, what is missing before it; that of `total` what is at the end.
    """

    first: int = 0
    lines: list[Line] = field(default_factory=list)
    error: str = ""
    unread: str = ""
    total: int = 0
    notes: dict[int, str] = field(default_factory=dict)


@dataclass
class LogSize:
    """How much there is of a log. `complete`: it ended. `kept`: some of it is ours. `notes`: what lacks."""

    lines: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    complete: bool = False
    kept: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Whole:
    """One run of a container: what is kept of it (None: nothing), and how to ask the cluster for the rest."""

    pod: Pod
    container: str
    previous: bool
    number: int
    log: KeptLog | None

    @property
    def kept_lines(self) -> int:
        return self.log.lines if self.log else 0

    @property
    def complete(self) -> bool:
        return bool(self.log and self.log.complete)

    @property
    def is_being_kept(self) -> bool:
        """Whether a collector reads it now: what it has may be written only in a while."""
        until = self.log.held_until if self.log else None
        return until is not None and until > timezone.now()

    def place(self) -> Place:
        """Where the kept part ends. Raises StoreError."""
        return chunks.place_of(self.log) if self.log and self.log.lines else Place()

    def rest(self) -> Iterator[bytes]:
        """Blocks of the lines beyond the kept ones. Raises ClusterError and StoreError at once."""
        if self.complete or (self.pod.gone_at and self.kept_lines):
            return iter(())
        if self.pod.gone_at:  # its name may be another's by now
            raise ApiError(404, "NotFound", "")
        return upstream.rest(self.pod, self.container, self.place(), previous=self.previous)


def find(pod: Pod, container: str, previous: bool = False) -> Whole:
    """The latest run of a container, or the one before it, as far as rows know."""
    latest = next((one.get("restarts", 0) for one in pod.containers if one["name"] == container), 0)
    logs = KeptLog.objects.filter(pod=pod, container=container)
    kept = logs.order_by("-instance").values_list("instance", flat=True).first()
    number = max(latest, kept or 0) - (1 if previous else 0)
    return Whole(pod, container, previous, number, logs.filter(instance=number).first())


def find_live(pod: Pod, container: str, previous: bool = False) -> Whole:
    """The same, as the cluster knows; as rows know where it does not answer."""
    known = find(pod, container, previous)
    if known.complete or pod.gone_at:
        return known
    try:
        run = upstream.latest_run(pod, container)
    except ClusterError:
        return known
    number = run.number - (1 if previous else 0)
    if run.gone or not run.started or number <= known.number:
        return known
    log = KeptLog.objects.filter(pod=pod, container=container, instance=number).first()
    return Whole(pod, container, previous, number, log)


def kept(whole: Whole, first: int, count: int) -> LogPage:
    """As `lines`, of what is kept by now alone. Raises StoreError."""
    log = KeptLog.objects.filter(pod=whole.pod, container=whole.container, instance=whole.number).first()
    now = replace(whole, log=log)
    page = LogPage(first=first, total=now.kept_lines)
    if first < now.kept_lines:
        _fill(page, now, count)
    return page


def lines(pod: Pod, container: str, first: int, count: int, previous: bool = False) -> LogPage:
    """At most `count` lines from number `first` on; fewer at the end and before what is not kept any more.

    A page that begins where nothing is kept begins at the next line that is. Never raises: see `error`.
    """
    whole, count = find(pod, container, previous), min(count, MOST_LINES)
    page = LogPage(first=min(max(0, first), MOST_NUMBER), total=whole.kept_lines)
    try:
        if page.first < whole.kept_lines:
            _fill(page, whole, count)
        if page.first + len(page.lines) >= whole.kept_lines and len(page.lines) < count:
            _fill_from_rest(page, whole, count)
    except (ClusterError, StoreError) as error:
        words = unavailable(error)
        page.error, page.unread = ("", words) if page.lines else (words, "")
    return _noted(page, whole)


def _noted(page: LogPage, whole: Whole) -> LogPage:
    """With what was noted of its lines, and of the end where it has that."""
    end = page.first + len(page.lines)
    for note in whole.log.notes if whole.log else ():
        line = note["line"]
        if page.first <= line < end or line == end >= page.total:
            page.notes[line] = " ".join(filter(None, (page.notes.get(line), note["text"])))
    return page


def _fill(page: LogPage, whole: Whole, count: int) -> None:
    """Lines of the kept part, up to `count` or the next gap."""
    found = _around(whole, page.first, count)
    page.first = max(page.first, found[0].first_line) if found else whole.kept_lines
    for chunk in found:
        place = page.first + len(page.lines)
        if chunk.first_line > place:
            return
        raw = chunks.lines_of(chunk)[place - chunk.first_line :]
        page.lines += [as_line(one) for one in raw[: count - len(page.lines)]]


def _around(whole: Whole, first: int, count: int) -> list[KeptChunk]:
    """The chunks with `count` lines from `first` on; the next chunk there is, where there are none."""
    rows = KeptChunk.objects.filter(log=whole.log).order_by("first_line")
    start = rows.filter(first_line__lte=first).last()
    after = start.first_line if start and start.end > first else first
    found = list(rows.filter(first_line__gte=after, first_line__lt=first + count))
    return found or list(rows.filter(first_line__gt=first)[:1])


def _fill_from_rest(page: LogPage, whole: Whole, count: int) -> None:
    """Lines beyond the kept ones; reads them all, to know how many there are."""
    number = whole.kept_lines
    for block in whole.rest():
        amount = block.count(b"\n")
        wanted = page.first + len(page.lines)
        if number + amount > wanted and len(page.lines) < count:
            page.lines += lines_of(block)[wanted - number :][: count - len(page.lines)]
        number += amount
    page.total = number
    if not page.lines:
        page.first = min(page.first, number)


def tail(pod: Pod, container: str, count: int, *, previous: bool = False) -> LogPage:
    """The last `count` lines. Never raises: why there are none stands in `error`."""
    whole = find(pod, container, previous)
    last: list[bytes] = []
    page = LogPage(total=whole.kept_lines)
    try:
        for block in whole.rest():
            new = block.split(b"\n")[:-1]
            page.total += len(new)
            last = [*last, *new][-count:]
    except (ClusterError, StoreError) as error:
        page.error = "" if whole.kept_lines else unavailable(error)
    page.first = page.total - len(last)
    page.lines = [as_line(raw) for raw in last]
    if len(last) < count and whole.kept_lines:
        _fill_before(page, whole, count - len(last))
    return _noted(page, whole)


def _fill_before(page: LogPage, whole: Whole, count: int) -> None:
    """Put up to `count` kept lines before those of `page`; none beyond a gap."""
    before: list[Line] = []
    first = page.first
    try:
        while len(before) < count and (chunk := _ending_at(whole, first)):
            raw = chunks.lines_of(chunk)[: first - chunk.first_line][-(count - len(before)) :]
            before[:0] = [as_line(one) for one in raw]
            first -= len(raw)
    except StoreError as error:
        page.error = "" if page.lines or before else unavailable(error)
    page.first, page.lines = first, before + page.lines


def _ending_at(whole: Whole, line: int) -> KeptChunk | None:
    """The chunk with the line before `line`, where it is kept."""
    chunk = KeptChunk.objects.filter(log=whole.log, first_line__lt=line).order_by("first_line").last()
    return chunk if chunk and chunk.end >= line else None


def line_at(pod: Pod, container: str, at: datetime, previous: bool = False) -> int:
    """The number of the first line not before `at`; the number of lines when all are."""
    whole = find(pod, container, previous)
    try:
        chunk = KeptChunk.objects.filter(log=whole.log, last_at__gte=at).order_by("first_line").first()
        if chunk is not None:
            return chunk.first_line + _first_not_before(chunks.lines_of(chunk), at)
        number = whole.kept_lines
        for block in whole.rest():
            raw = block.split(b"\n")[:-1]
            place = _first_not_before(raw, at)
            number += place
            if place < len(raw):
                break
        return number
    except (ClusterError, StoreError):
        return whole.kept_lines


def _first_not_before(raw: list[bytes], at: datetime) -> int:
    for number, line in enumerate(raw):
        time = moment(time_of(line))
        if time is not None and time >= at:
            return number
    return len(raw)


def size(pod: Pod, container: str, previous: bool = False) -> LogSize:
    """How much there is now; asks the cluster where the run goes on."""
    whole = find(pod, container, previous)
    log = whole.log
    found = LogSize(whole.kept_lines, complete=whole.complete, kept=bool(whole.kept_lines))
    if log is not None:
        found.first_at, found.last_at, found.notes = log.first_at, log.last_at, notes(log)
    try:
        for block in whole.rest():
            if block:
                found.lines += block.count(b"\n")
                raw = block.split(b"\n")[:-1]
                found.first_at = found.first_at or moment(time_of(raw[0]))
                found.last_at = moment(time_of(raw[-1])) or found.last_at
    except (ClusterError, StoreError) as error:
        found.notes.append(unavailable(error))
    return found


def notes(log: KeptLog) -> list[str]:
    """What is missing of a kept log, in words, in the order of its lines."""
    said = [(note["line"], f"Before line {note['line'] + 1:,}: {note['text']}") for note in log.notes]
    said += [(start, f"{_range(start, end)} not kept any more.") for start, end in gaps(log)]
    return [text for _, text in sorted(said)]


def _range(start: int, end: int) -> str:
    return f"Line {start + 1:,} is" if end == start + 1 else f"Lines {start + 1:,} to {end:,} are"


def gaps(log: KeptLog) -> list[tuple[int, int]]:
    """(first, after the last) of the lines that were let go of."""
    place, found = 0, []
    for start, amount in (
        KeptChunk.objects.filter(log=log).order_by("first_line").values_list("first_line", "lines")
    ):
        if start > place:
            found.append((place, start))
        place = start + amount
    return found + ([(place, log.lines)] if place < log.lines else [])


def whole(pod: Pod, container: str, *, previous: bool = False, timestamps: bool = False) -> Iterator[bytes]:
    """All of a log, for a download; one that breaks off says so at its end. Raises ClusterError at once."""
    found = find(pod, container, previous)
    try:
        rest = found.rest()
    except (ClusterError, StoreError) as error:
        if not found.kept_lines:
            raise error if isinstance(error, ClusterError) else ClusterError(str(error)) from error
        rest = _broken(error)
    blocks = chain(_kept_blocks(found, all_chunks(found)), rest)
    return _to_the_end(blocks if timestamps else map(without_times, blocks))


def _broken(error: Exception) -> Iterator[bytes]:
    raise ClusterError(str(error))
    yield b""


def all_chunks(whole: Whole) -> list[KeptChunk]:
    rows = KeptChunk.objects.filter(log=whole.log, first_line__lt=whole.kept_lines)
    return list(rows.order_by("first_line")) if whole.log else []


def _kept_blocks(whole: Whole, found: list[KeptChunk]) -> Iterator[bytes]:
    """The kept part as text, with a line in the place of what is missing."""
    place = 0
    for chunk in found:
        if chunk.first_line > place:
            yield f"- [{_range(place, chunk.first_line)} not kept any more]\n".encode()
        yield text_upto(whole, chunk)
        place = chunk.end


def text_upto(whole: Whole, chunk: KeptChunk) -> bytes:
    """The text of `chunk`; of the last one no more than was kept when `whole` was looked up."""
    text = chunks.text_of(chunk)
    if chunk.end <= whole.kept_lines:
        return text
    return text[: offset_of(text, whole.kept_lines - chunk.first_line)]


def without_times(block: bytes) -> bytes:
    """Whole lines, each without the time it begins with."""
    return b"\n".join([line.partition(b" ")[2] for line in block.split(b"\n")])


def _to_the_end(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except (ClusterError, StoreError) as error:
        yield f"\n[the log breaks off here: {error}]\n".encode()
    finally:
        upstream.let_go_of_the_database()


def unavailable(error: Exception) -> str:
    """Why a log cannot be shown, in words."""
    return upstream.unavailable(error) if isinstance(error, ClusterError) else str(error)
