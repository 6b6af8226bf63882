"""The logs of several pods of a workload as one: whose line it is, their order, and stretches of it.

Lines are ordered by the times that the cluster gave them. A place in a merged log is a number for each pod.
Callers have asked `require(user, "read_logs", workload)`.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import dropwhile, takewhile

from django.utils import timezone

from workloads import logs
from workloads.models import Pod

LIVE_PODS, MOST_PODS = 8, 64
LINES, FEW_LINES = 500, 100
AROUND, FEW_AROUND = 250, 50  # lines of each pod before a place, and as many after it
SECONDS = 10.0
Numbered = tuple[int, str, str]  # number from 0, time, text


@dataclass
class Part:
    """One pod's share, the `place`th: `label` ("rank 3") tells its lines apart.

    Before line `first` there is nothing (0), or what was not read; so it is from `total` on where there is
    `more`. `notes` say what is missing before a line, by its number, `error` why there are no lines.
    """

    pod: Pod
    container: str
    place: int
    label: str
    first: int = 0
    total: int = 0
    more: bool = False
    lines: list[Numbered] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    error: str = ""


@dataclass
class Merged:
    """Lines as (part, number, time, text) by their times; pods beyond the limits are left out."""

    parts: list[Part]
    lines: list[tuple[Part, int, str, str]]
    left_out: list[Pod]


@dataclass(frozen=True)
class Spot:
    """Where to open a merged log: at a moment, or at line `number` of `pod`, which has this moment."""

    at: datetime
    pod: int = 0
    number: int = 0


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


def shown_of(pods: list[Pod]) -> list[Pod]:
    """Those that a merged log shows: the newest MOST_PODS, those that are still there first."""
    newest = sorted(pods, key=lambda pod: (pod.gone_at is None, pod.created_at, pod.pk), reverse=True)
    return newest[:MOST_PODS]


def moment(iso: str) -> str:
    """An RFC 3339 time in UTC, comparable: servers leave out trailing zeros of the fraction."""
    whole, _, fraction = iso.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


def spot_of(pod: Pod, container: str, number: int) -> Spot:
    """Line `number` of a pod; the present where it has no such line, or that line no time."""
    page = logs.lines(pod, container_of(pod, container), number, 1)
    at = logs.moment(page.lines[0][0]) if page.lines else None
    return Spot(at or timezone.now(), pod.pk, number)


def ends(pods: list[Pod], container: str = "") -> Merged:
    """The last lines of each pod; it is whole from the latest of their beginnings on."""
    few = len(pods) > LIVE_PODS
    return _read(pods, container, lambda part: _end(part, FEW_LINES if few else LINES))


def around(pods: list[Pod], container: str, spot: Spot) -> Merged:
    """A stretch of it around `spot`, whole: no line of any pod that is shown lacks in it."""
    count = _count(pods)
    found = _read(pods, container, lambda part: _around(part, spot, count))
    return _whole(found, before=True, after=True, at=spot.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"))


def before(pods: list[Pod], container: str, places: dict[int, int]) -> Merged:
    """The stretch that ends at `places`: by pod, the line before which to read."""
    count = _count(pods)
    found = _read(_named(pods, places), container, lambda part: _before(part, places[part.pod.pk], count))
    return _whole(found, before=True)


def after(pods: list[Pod], container: str, places: dict[int, int]) -> Merged:
    """The stretch that begins at `places`: by pod, the first line to read."""
    count = _count(pods)
    found = _read(_named(pods, places), container, lambda part: _after(part, places[part.pod.pk], count))
    return _whole(found, after=True)


def _named(pods: list[Pod], places: dict[int, int]) -> list[Pod]:
    return [pod for pod in pods if pod.pk in places]


def _count(pods: list[Pod]) -> int:
    return AROUND if len(pods) <= LIVE_PODS else FEW_AROUND


def _read(pods: list[Pod], container: str, read: Callable[[Part], None]) -> Merged:
    """Reads a share of each pod's log, for SECONDS; those there was no time for are left out."""
    shown, ends_at = shown_of(pods), time.monotonic() + SECONDS
    parts, done = parts_of(shown, container), list[Part]()
    for part in parts:
        if time.monotonic() < ends_at:
            read(part)
            done.append(part)
    there = {pod.pk for pod in shown}
    left = [pod for pod in pods if pod.pk not in there] + [part.pod for part in parts[len(done) :]]
    return Merged(done, _ordered(done), left)


def _ordered(parts: list[Part]) -> list[tuple[Part, int, str, str]]:
    every = [(part, *line) for part in parts for line in part.lines]
    return sorted(every, key=lambda line: moment(line[2]))


def _end(part: Part, count: int) -> None:
    _take(part, logs.tail(part.pod, part.container, count))


def _around(part: Part, spot: Spot, count: int) -> None:
    here = part.pod.pk == spot.pod
    place = spot.number if here else logs.line_at(part.pod, part.container, spot.at)
    _after(part, place, count)
    later, total, more = part.lines, part.total, part.more
    _before(part, place, count)
    part.lines, part.total, part.more = part.lines + later, total, more


def _after(part: Part, place: int, count: int) -> None:
    page = logs.lines(part.pod, part.container, place, count)
    _take(part, page)
    part.first, part.total = place, max(place, part.total)
    part.more = bool(page.lines) and (len(page.lines) >= count or page.total > part.total)


def _before(part: Part, place: int, count: int) -> None:
    """The last lines before `place`; where some are not kept any more, those after that gap first."""
    first = max(0, place - count)
    page = logs.lines(part.pod, part.container, first, place - first)
    while page.lines and (end := page.first + len(page.lines)) < place:
        later = logs.lines(part.pod, part.container, end, place - end)
        if not later.lines or later.first >= place:
            break
        page = later
    page.lines = page.lines[: max(0, place - page.first)]
    _take(part, page)
    part.first = page.first if page.lines else place if page.error else 0
    part.total, part.more = place, False


def _take(part: Part, page: logs.LogPage) -> None:
    part.lines = [(number, *line) for number, line in enumerate(page.lines, page.first)]
    part.first, part.total, part.error = page.first, page.first + len(page.lines), page.error
    part.notes |= page.notes


def _whole(found: Merged, *, before: bool = False, after: bool = False, at: str = "") -> Merged:
    """Cut off where the lines of some pod begin or end too soon: what is left lacks none in between.

    What is of the moment `at` stays, also where the times of some pod's lines are not in order.
    """
    low = max((moment(part.lines[0][1]) for part in found.parts if part.lines and part.first), default="")
    high = min((moment(part.lines[-1][1]) for part in found.parts if part.lines and part.more), default="~")
    for part in found.parts:
        if before:
            _cut_before(part, min(low, at) if at else low)
        if after:
            _cut_after(part, max(high, f"{at}~") if at else high)
    found.lines = _ordered(found.parts)
    return found


def _cut_before(part: Part, low: str) -> None:
    kept = list(dropwhile(lambda line: moment(line[1]) < low, part.lines))
    if len(kept) < len(part.lines):
        part.first = kept[0][0] if kept else part.lines[-1][0] + 1
        part.lines = kept


def _cut_after(part: Part, high: str) -> None:
    kept = list(takewhile(lambda line: moment(line[1]) <= high, part.lines))
    if len(kept) < len(part.lines):
        part.total, part.more = part.lines[len(kept)][0], True
        part.lines = kept
