"""The logs of several pods of a workload as one: whose line it is, their order, and the first error of any.

Lines are ordered by the times that the cluster gave them. Callers have asked
`require(user, "read_logs", workload)`.
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from workloads import logs
from workloads.models import Pod

LIVE_PODS, MOST_PODS = 8, 64
LINES, FEW_LINES, BEFORE = 500, 100, 100
SECONDS = 10.0
# What a line that tells of an error looks like; static/js/log-row.js marks lines by the same rule.
# In small letters: so it is searched for in either case.
ERROR = (
    r"\b(error|exception|traceback|fatal|panic|segmentation fault|out of memory|oom-?killed?)\b"
    r"|\b[a-z]+(error|exception)\b"
)


@dataclass
class Part:
    """One pod's share, the `place`th: `label` ("rank 3") tells its lines apart, first..total-1 are read."""

    pod: Pod
    container: str
    place: int
    label: str
    first: int = 0
    total: int = 0
    lines: list[logs.Line] = field(default_factory=list)
    error: str = ""


@dataclass
class Merged:
    """Lines as (part, number, time, text) by their times; pods beyond the limits are left out."""

    parts: list[Part]
    lines: list[tuple[Part, int, str, str]]
    left_out: list[Pod]


def parts_of(pods: Iterable[Pod], container: str = "") -> list[Part]:
    """A part for each pod, by roles and names; labelled by role where each has one of its own."""
    ordered = sorted(pods, key=lambda pod: (_natural(pod.role), _natural(pod.name), pod.pk))
    told_apart = len({pod.role for pod in ordered if pod.role}) == len(ordered)
    return [
        Part(pod, container_of(pod, container), place, pod.role if told_apart else f"pod {place}")
        for place, pod in enumerate(ordered)
    ]


def container_of(pod: Pod, wanted: str = "") -> str:
    """The container of that name, else the first."""
    names = [found["name"] for found in pod.containers]
    return wanted if wanted in names else next(iter(names), "main")


def _natural(name: str) -> list[tuple[int, str]]:
    """Orders worker-2 before worker-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def merge(pods: list[Pod], container: str = "", at: datetime | None = None) -> Merged:
    """The last lines of each pod, or (with `at`) those around a moment; the newest pods, for SECONDS."""
    newest = sorted(pods, key=lambda pod: (pod.gone_at is None, pod.created_at, pod.pk), reverse=True)
    parts, ends = parts_of(newest[:MOST_PODS], container), time.monotonic() + SECONDS
    count, read = LINES if len(parts) <= LIVE_PODS else FEW_LINES, list[Part]()
    for part in parts:
        if time.monotonic() < ends:
            _read(part, count, at)
            read.append(part)
    lines = [(part, part.first + i, *line) for part in read for i, line in enumerate(part.lines)]
    left = newest[MOST_PODS:] + [part.pod for part in parts[len(read) :]]
    return Merged(read, sorted(lines, key=lambda line: moment(line[2])), left)


def _read(part: Part, count: int, at: datetime | None) -> None:
    if at is None:
        page = logs.tail(part.pod, part.container, count)
    else:
        place = logs.line_at(part.pod, part.container, at)
        page = logs.lines(part.pod, part.container, max(0, place - BEFORE), count)
    part.first, part.lines, part.error = page.first, page.lines, page.error
    part.total = page.first + len(page.lines)


def moment(iso: str) -> str:
    """An RFC 3339 time in UTC, comparable: servers leave out trailing zeros of the fraction."""
    whole, _, fraction = iso.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


@dataclass
class FirstError:
    """The earliest line that looks like an error (`part` None: none); not all was read unless `whole`."""

    part: Part | None = None
    line: int = 0
    at: str = ""
    whole: bool = True


def first_error(pods: list[Pod], container: str = "") -> FirstError:
    """The first line of any pod that ERROR matches, searched for SECONDS at most."""
    found, ends = FirstError(whole=len(pods) <= MOST_PODS), time.monotonic() + SECONDS
    for part in parts_of(pods[-MOST_PODS:], container):
        for number in _first_match(part, ends):
            if number is None:
                found.whole = False
                break
            page = logs.lines(part.pod, part.container, number, 1)
            at = page.lines[0][0] if page.lines else ""
            if found.part is None or moment(at) < moment(found.at):
                found.part, found.line, found.at = part, number, at
    return found


def _first_match(part: Part, ends: float) -> Iterator[int | None]:
    """The number of the first line that matches, nothing where there is none, None where time ran out."""
    start = 0
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            yield None
            return
        hits = logs.search(
            part.pod, part.container, ERROR, regex=True, previous=False, start=start, limit=1, seconds=left
        )
        if hits.numbers:
            yield hits.numbers[0]
            return
        if hits.done or hits.problem or hits.searched_to <= start:
            if hits.problem:
                yield None
            return
        start = hits.searched_to
