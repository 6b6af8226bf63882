"""What happened to a workload: phases, cluster events and actions as one list.

Read-only, and only of rows the viewer may see. Used by the workload's pages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workloads import queries
from workloads.models import Action, Event, PhaseChange, Workload
from workloads.status import Reason

MOST = 500


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
