"""What happened to a workload: phases, cluster events and actions as one list, and the time line of phases.

Read-only, and only of rows the viewer may see. Used by the workload's pages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils import timezone

from workloads import queries
from workloads.models import Action, Event, PhaseChange, Workload
from workloads.status import TERMINAL, Phase, Reason

MOST = 500
NARROWEST = 8  # thousandths of the time line's width, so that a short phase is still seen


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history. `type` is `phase`, `action`, `normal` or `warning`; texts are hostile."""

    at: datetime
    type: str
    title: str
    words: str
    source: str
    mark: str = ""  # the phase whose shape stands before it
    count: int = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A stay in one phase; `x` and `width` are thousandths of the time line."""

    phase: str
    lasted: timedelta
    x: float = 0
    width: float = 0


def history(user: Any, workload: Workload) -> list[Happening]:
    """Newest first; at most MOST of each source."""
    found = [_of_phase(row) for row in queries.visible_phase_changes(user, workload)[:MOST]]
    found += [_of_event(row) for row in queries.visible_events(user, workload)[:MOST]]
    found += [_of_action(row) for row in queries.visible_actions(user, workload)[:MOST]]
    return sorted(found, key=lambda happening: happening.at, reverse=True)


def matching(happenings: Iterable[Happening], text: str, kind: str) -> list[Happening]:
    """Those of type `kind` (all when empty) that hold every word of `text`."""
    words = text.lower().split()
    return [h for h in happenings if kind in ("", h.type) and all(word in _text(h) for word in words)]


def _text(happening: Happening) -> str:
    return f"{happening.title} {happening.words} {happening.source}".lower()


def _of_phase(change: PhaseChange) -> Happening:
    words = change.message or str(Reason(change.reason).label if change.reason else "")
    return Happening(change.at, "phase", change.phase, words, "phase", mark=change.phase)


def _of_event(event: Event) -> Happening:
    about = f"{event.regarding_kind} {event.regarding_name}: " if event.regarding_kind != "Job" else ""
    kind = "warning" if event.type == "Warning" else "normal"
    return Happening(
        event.last_at,
        kind,
        event.reason,
        f"{about}{event.message}",
        event.source or "cluster",
        count=event.count,
    )


_ASKED = {
    "create": "Submitted",
    "stop": "Stop asked for",
    "run": "Run asked for",
    "delete": "Delete asked for",
}


def _of_action(action: Action) -> Happening:
    who = f"by {action.by.label}" if action.by else ""
    state = {"failed": f"refused: {action.error}", "done": ""}.get(action.state) or (
        f"trying again: {action.error}" if action.error and action.state != "done" else ""
    )
    words = ", ".join(part for part in (who, state) if part)
    return Happening(action.created_at, "action", _ASKED[action.verb], words, "action")


def time_line(user: Any, workload: Workload) -> list[Span]:
    """Every stay in a phase, oldest first; the last ends now, and a terminal phase takes no time."""
    changes = sorted(
        queries.visible_phase_changes(user, workload)[:MOST], key=lambda change: (change.at, change.pk)
    )
    end = workload.deleted_at or timezone.now()
    stays = [Span(a.phase, b.at - a.at) for a, b in pairwise(changes)]
    if changes and changes[-1].phase not in TERMINAL:
        stays.append(Span(changes[-1].phase, max(end - changes[-1].at, timedelta())))
    return _placed(stays)


def _placed(stays: list[Span]) -> list[Span]:
    total = sum((stay.lasted for stay in stays), timedelta()) or timedelta(seconds=1)
    widths = [max(NARROWEST, 1000 * (stay.lasted / total)) for stay in stays]
    scale, x, placed = 1000 / (sum(widths) or 1), 0.0, []
    for stay, width in zip(stays, widths, strict=True):
        placed.append(Span(stay.phase, stay.lasted, round(x, 1), round(width * scale, 1)))
        x += width * scale
    return placed


def by_phase(spans: Iterable[Span]) -> dict[str, timedelta]:
    """How long each phase lasted in all, in the order they first came."""
    lasted: dict[str, timedelta] = {}
    for span in spans:
        lasted[span.phase] = lasted.get(span.phase, timedelta()) + span.lasted
    return lasted


def in_phase(workload: Workload) -> str:
    """ "for" a phase that goes on, "" for one that is an end."""
    return "" if workload.deleted_at or workload.phase in (Phase.COMPLETED, Phase.FAILED) else "for"
