"""Which events are one event said again, and how such a fold adds up. Pure; used by `observing_events` alone.

The rule (docs/history.md): the same object, type, reason, message and source, within WINDOW of one another.
"""

from collections.abc import Iterable
from datetime import timedelta

from workloads.models import Event

#: As long as a cluster keeps events: a repetition it has forgotten the first of is told as a new event.
WINDOW = timedelta(hours=1)

Said = tuple[str, str, str, str, str, str]


def said(event: Event) -> Said:
    """What two events share of which one repeats the other."""
    about = event.namespace, event.regarding_uid
    return (*about, event.type, event.reason, event.message, event.source)


def fold(new: Iterable[Event], heads: Iterable[Event]) -> list[Event]:
    """Fold each of `new`, oldest first, into one of `heads` or an earlier one; the heads that grew."""
    known: dict[Said, list[Event]] = {}
    for head in heads:
        known.setdefault(said(head), []).append(head)
    grown: dict[str, Event] = {}
    for event in sorted(new, key=lambda event: (event.first_at, event.last_at, event.uid)):
        begin(event)
        same = known.setdefault(said(event), [])
        into = next((one for one in same if _near(one, event)), None)
        if into is None:
            same.append(event)
        else:
            event.folded_into = into
            grow(into, event, event.count)
            grown[into.uid] = into
    return list(grown.values())


def begin(event: Event) -> None:
    """A fold of one."""
    event.total, event.since, event.until = event.count, event.first_at, event.last_at


def grow(head: Event, event: Event, times: int) -> None:
    """`event`, part of the fold of `head`, came `times` more."""
    head.total += times
    head.since, head.until = min(head.since, event.first_at), max(head.until, event.last_at)


def _near(head: Event, event: Event) -> bool:
    return head.since - WINDOW <= event.last_at and event.first_at <= head.until + WINDOW
