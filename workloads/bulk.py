"""Stop, run or delete one or many from a page: what would happen, said before it is done.

`Plan` decides nothing: it shows what `actions` would refuse, and what would be lost. Used by views alone.
"""

from dataclasses import dataclass, field
from typing import Any

from workloads import queries
from workloads.availability import Availability
from workloads.models import Verb, Workload
from workloads.status import Phase

AT_MOST = 500
TYPED_ABOVE = 20  # more than this many go at once only when the word is typed
UNDO = {Verb.STOP: Verb.RUN, Verb.RUN: Verb.STOP}
_LOSES_PROGRESS = frozenset({Phase.RUNNING, Phase.DEGRADED})


class BadRequest(ValueError):
    """What was posted is no bulk request; the message says why."""


@dataclass
class Plan:
    """`verb` on `ready`; `skipped` are refused, each with the reason."""

    verb: Verb
    ready: list[Workload] = field(default_factory=list)
    skipped: list[tuple[Workload, str]] = field(default_factory=list)

    @property
    def loses(self) -> list[Workload]:
        """Those that lose something: all that are deleted, and running ones that are stopped."""
        if self.verb == Verb.DELETE:
            return self.ready
        return [w for w in self.ready if w.phase in _LOSES_PROGRESS] if self.verb == Verb.STOP else []

    @property
    def word(self) -> str:
        """What must be typed to go on; empty for a handful."""
        return self.verb.value if self.verb == Verb.DELETE and len(self.ready) > TYPED_ABOVE else ""


def plan(user: Any, verb: str, ids: list[str]) -> Plan:
    """What `verb` on `ids` would do for `user`. Raises BadRequest; ids of others' workloads are not there."""
    if verb not in (Verb.STOP, Verb.RUN, Verb.DELETE):
        raise BadRequest("Choose stop, run or delete.")
    wanted = read_ids(ids)
    if not wanted:
        raise BadRequest("Select at least one workload first.")
    made, availability = Plan(Verb(verb)), Availability(user)
    for workload in queries.visible_workloads(user).defer("manifest", "spec").filter(pk__in=wanted):
        why = availability.reason(made.verb, workload)
        made.skipped.append((workload, why)) if why else made.ready.append(workload)
    if not made.ready and not made.skipped:
        raise BadRequest("None of these workloads is there any more.")
    return made


def read_ids(texts: list[str]) -> list[int]:
    """Row ids from a query string or form. Raises BadRequest for what is none, and for too many."""
    if len(texts) > AT_MOST:
        raise BadRequest(f"At most {AT_MOST} workloads at once; {len(texts)} were given.")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise BadRequest("A workload's id is a whole number.")
    return [int(text) for text in texts]
