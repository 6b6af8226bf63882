"""The time line of a workload and of its pods: where the time went, from observed facts only.

Phases are as they were observed; what pods and events tell of their own times makes them exact. What nobody
saw, because the cluster or we were away, is a gap. Used by the workload's page.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils import timezone

from runyard.clusters.absences import absences
from runyard.clusters.models import Absence
from workloads import queries
from workloads.models import Event, PhaseChange, Pod, Workload
from workloads.status import TERMINAL, Phase

MOST, MOST_PODS = 500, 8
NARROWEST = 8  # thousandths of the time line's width, so that a short part is still seen
GAP, PULLING, QUEUED, RESTARTS = "Not known", "Pulling", "Queued", "Restarts"
_CAUGHT_UP = timedelta(seconds=60)  # what is seen so soon after an absence may have happened in it
_SECOND = timedelta(seconds=1)
_NAMES = {Phase.CREATING: QUEUED, Phase.PENDING: QUEUED, Phase.RESUMING: QUEUED}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a line; `x` and `width` are thousandths of its length. One that is `going` has no end."""

    name: str
    since: datetime
    until: datetime
    going: bool = False
    x: float = 0
    width: float = 0

    @property
    def lasted(self) -> timedelta:
        return max(self.until - self.since, timedelta())


@dataclass(frozen=True, slots=True)
class PodLine:
    """The parts of one pod on its workload's scale."""

    pod: Pod
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """`parts` of the workload, oldest first; `pods` where there are few."""

    parts: list[Part] = field(default_factory=list)
    pods: list[PodLine] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, timedelta]:
        """How long each kind of part lasted in all, in the order they first came."""
        lasted: dict[str, timedelta] = {}
        for part in self.parts:
            lasted[part.name] = lasted.get(part.name, timedelta()) + part.lasted
        return lasted

    @property
    def going(self) -> str:
        """The name of the part that goes on; empty for none."""
        return self.parts[-1].name if self.parts and self.parts[-1].going else ""


def time_line(user: Any, workload: Workload, pods: Sequence[Pod]) -> TimeLine:
    """Of `workload`, whose pods are all of `pods`; a terminal phase takes no time."""
    changes = [*queries.visible_phase_changes(user, workload)[:MOST]][::-1]
    if not changes:
        return TimeLine()
    events = _times(user, workload)
    unseen = list(absences(workload.cluster_id, changes[0].at)[:MOST])
    parts = _merged(
        part for stay in _stays(workload, pods, changes, unseen) for part in _pulled(stay, events)
    )
    placed, scale = _placed(parts)
    few = pods if len(pods) <= MOST_PODS else ()
    return TimeLine(placed, [PodLine(pod, _on(scale, _of_pod(pod, events, unseen))) for pod in few])


def in_phase(workload: Workload) -> str:
    """ "for" a phase that goes on, "" for one that is an end."""
    return "" if workload.deleted_at or workload.phase in (Phase.COMPLETED, Phase.FAILED) else "for"


def _times(user: Any, workload: Workload) -> list[Event]:
    """The events that tell when images were pulled and containers began."""
    rows = queries.visible_events(user, workload).filter(reason__in=("Pulling", "Pulled", "Started"))
    return list(rows[:MOST])


def _stays(
    workload: Workload, pods: Sequence[Pod], changes: Sequence[PhaseChange], unseen: Sequence[Absence]
) -> Iterable[Part]:
    """Each stay in a phase, and the gaps behind those of which the end was not seen."""
    for change, following in pairwise(changes):
        until = following.at
        if following.phase in TERMINAL:
            until = _ended(workload, pods, change.at, until)
            if change.phase == Phase.RUNNING and _is_unseen(stopped := _stopped(pods, until), until, unseen):
                yield from _with_gap(_named(change, until), max(stopped, change.at))
                continue
        elif absence := _unseen_end(until, unseen):
            yield from _with_gap(_named(change, until), max(absence.since, change.at))
            continue
        yield _named(change, until)
    last = changes[-1]
    if last.phase not in TERMINAL:
        yield from _last(last, workload.deleted_at, unseen)


def _last(change: PhaseChange, deleted_at: datetime | None, unseen: Sequence[Absence]) -> Iterable[Part]:
    """The stay that goes on, as far as the cluster is seen; the deletion may have been seen late."""
    until = deleted_at or timezone.now()
    stay = replace(_named(change, until), going=not deleted_at)
    absence = (
        _unseen_end(until, unseen) if deleted_at else next((one for one in unseen if not one.until), None)
    )
    return _with_gap(stay, max(absence.since, change.at)) if absence else [stay]


def _named(change: PhaseChange, until: datetime) -> Part:
    return Part(_NAMES.get(Phase(change.phase), str(change.phase)), change.at, until)


def _with_gap(stay: Part, known: datetime) -> list[Part]:
    """`stay` until `known`, and a gap for the rest."""
    gap = replace(stay, name=GAP, since=known)
    return [replace(stay, until=known, going=False), gap] if gap.lasted > _SECOND else [stay]


def _ended(workload: Workload, pods: Sequence[Pod], since: datetime, seen: datetime) -> datetime:
    """When it ended by its own account, or else when that was seen."""
    told = [pod.finished_at for pod in pods if pod.finished_at]
    end = workload.completed_at or max(told, default=seen)
    return min(seen, max(since, end))


def _stopped(pods: Sequence[Pod], until: datetime) -> datetime:
    """When the last pod ended; `until` where not all of them tell."""
    told = [pod.finished_at for pod in pods if pod.finished_at]
    return max(told) if told and len(told) == len(pods) else until


def _is_unseen(since: datetime, until: datetime, unseen: Iterable[Absence]) -> bool:
    """Whether nobody saw a part of the time between."""
    return any(one.since < until and since < (one.until or until) for one in unseen)


def _unseen_end(at: datetime, unseen: Iterable[Absence]) -> Absence | None:
    """The absence after which what is dated `at` was seen at once: it may have happened any time in it."""
    for absence in unseen:
        if absence.until and absence.until - _CAUGHT_UP <= at <= absence.until + _CAUGHT_UP:
            return absence
    return None


def _pulled(stay: Part, events: Iterable[Event]) -> list[Part]:
    """An Initializing as what came before the pull of images, the pull, and what came after."""
    if stay.name != Phase.INITIALIZING:
        return [stay]
    began = [event.first_at for event in events if event.reason == "Pulling"]
    ended = [event.last_at for event in events if event.reason == "Pulled"]
    inside = [at for at in began if stay.since - _SECOND <= at <= stay.until]
    if not inside:
        return [stay]
    start = max(stay.since, min(inside))
    done = max((at for at in ended if start <= at <= stay.until), default=None)
    end = done or stay.until
    pull = replace(stay, name=PULLING, since=start, until=end, going=stay.going and done is None)
    around = [replace(stay, until=start, going=False), pull, replace(stay, since=end)]
    return [part for part in around if part.lasted or part is pull]


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Without those that took no time, and neighbours of one name as one."""
    found: list[Part] = []
    for part in parts:
        if found and found[-1].name == part.name:
            found[-1] = replace(found[-1], until=part.until, going=part.going)
        else:
            found.append(part)
    return [part for part in found if part.lasted or part.going] or found[:1]


def _of_pod(pod: Pod, events: Iterable[Event], unseen: Sequence[Absence]) -> list[Part]:
    """By its own times; between two that it does not tell is a gap."""
    mine = [event for event in events if event.regarding_uid == pod.uid]
    end = pod.finished_at or pod.gone_at or timezone.now()
    going = not (pod.finished_at or pod.gone_at)
    placed = pod.scheduled_at or pod.started_at
    if placed is None and not pod.scheduled:
        return _merged([Part(QUEUED, pod.created_at, end, going)])
    queued = Part(QUEUED if placed else GAP, pod.created_at, placed or pod.running_at or end)
    parts = [queued, *_starting(pod, queued.until, end, going, mine)]
    if not pod.finished_at and pod.gone_at and (absence := _unseen_end(pod.gone_at, unseen)):
        parts[-1:] = _with_gap(parts[-1], max(absence.since, parts[-1].since))
    return _merged(parts)


def _starting(
    pod: Pod, placed: datetime, end: datetime, going: bool, events: Sequence[Event]
) -> Iterable[Part]:
    """From its node to its end. A pod tells of its last start alone: those before are Restarts."""
    started = min((event.first_at for event in events if event.reason == "Started"), default=None)
    first = started if pod.restarts else pod.running_at
    if first is None:
        known = Phase.INITIALIZING if going and not pod.restarts else GAP
        return _pulled(Part(known, placed, end, going), events)
    first = max(placed, first)
    parts = [*_pulled(Part(Phase.INITIALIZING, placed, first), events)]
    if pod.restarts:
        again = max(first, pod.running_at) if pod.running_at else end
        parts.append(Part(RESTARTS, first, again, going and not pod.running_at))
        first = again
    if pod.running_at:
        parts.append(Part(Phase.RUNNING, first, end, going))
    return parts


Scale = Callable[[datetime], float]


def _placed(parts: Sequence[Part]) -> tuple[list[Part], Scale]:
    """`parts` side by side, each wide enough to be seen; and where any moment is on that scale."""
    total = sum((part.lasted for part in parts), timedelta()) or _SECOND
    widths = [max(NARROWEST, 1000 * (part.lasted / total)) for part in parts]
    shrink, x, placed = 1000 / (sum(widths) or 1), 0.0, []
    for part, width in zip(parts, widths, strict=True):
        placed.append(replace(part, x=round(x, 1), width=round(width * shrink, 1)))
        x += width * shrink

    def scale(at: datetime) -> float:
        for part in placed:
            if at <= part.until and part.lasted:
                return part.x + part.width * max(0.0, (at - part.since) / part.lasted)
        return 1000

    return placed, scale


def _on(scale: Scale, parts: Iterable[Part]) -> list[Part]:
    placed = []
    for part in parts:
        x = scale(part.since)
        placed.append(replace(part, x=round(x, 1), width=round(max(scale(part.until) - x, 0), 1)))
    return placed
