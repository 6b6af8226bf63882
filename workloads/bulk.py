"""Stop, run or delete many at once: which ones are meant, and what would happen, said before it is done.

`plan` decides nothing: it shows what `actions` would refuse, and what would be lost. Used by pages and API.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from runyard.kit.values import BadQuery
from workloads import policies, queries
from workloads.availability import VERBS, Availability
from workloads.models import Bulk, Verb, Workload
from workloads.policies import Refusal
from workloads.tables import WorkloadTable

AT_MOST = 10_000
AT_ONCE = 100  # done within the request; more go on in the background
ASKED_ABOVE = 20  # more than this many are confirmed, and deleted only when the word is typed
UNDO = {Verb.STOP: Verb.RUN, Verb.RUN: Verb.STOP}
_NEEDED = (
    "name", "kind", "phase", "desired", "deleted_at", "terminating_at", "project__name",
    "project__department_id", "cluster__kubeconfig",
)  # fmt: skip
_GONE = Refusal("It is no longer there.", "no longer there", "NotFound")


class BadRequest(ValueError):
    """What was asked for is no bulk request; the message says why."""


@dataclass(frozen=True)
class Choice:
    """Which workloads: `ids`, or all that `matching`, a query string of the table, keeps; less `excluded`."""

    ids: tuple[int, ...] = ()
    matching: str | None = None
    excluded: frozenset[int] = frozenset()

    @classmethod
    def read(cls, ids: Iterable[str], matching: str | None, excluded: Iterable[str]) -> "Choice":
        """From a form, each list of ids as several fields or parted by commas. Raises BadRequest."""
        return cls(tuple(read_ids(ids)), matching, frozenset(read_ids(excluded)))

    def named(self, user: Any) -> list[int]:
        """The ids: as given, whether they are there or not, or those that match. Raises BadRequest."""
        if self.matching is None:
            return [pk for pk in dict.fromkeys(self.ids) if pk not in self.excluded]
        return [row.pk for row in self.rows(user)]

    def rows(self, user: Any) -> list[Workload]:
        """What `user` may see of them, by id, with what a plan reads. Raises BadRequest for too many."""
        rows = self._visible(user).exclude(pk__in=self.excluded).order_by("pk")
        found = list(
            rows.select_related(None).select_related("project", "cluster").only(*_NEEDED)[: AT_MOST + 1]
        )
        if len(found) > AT_MOST:
            raise BadRequest(
                f"More than {AT_MOST:,} workloads match, and no more go at once. Narrow the filters first."
            )
        return found

    def _visible(self, user: Any) -> QuerySet[Workload]:
        if self.matching is None:
            return queries.visible_workloads(user).filter(pk__in=self.ids)
        params = QueryDict(self.matching, mutable=True)
        for name in ("after", "before"):  # a place in the table is no condition
            params.pop(name, None)
        try:
            return WorkloadTable.matching(user, WorkloadTable.read(params))
        except BadQuery as error:
            raise BadRequest(str(error)) from error


@dataclass
class Plan:
    """`verb` on `ready`; `skipped` are refused, by reason; `gone` are not there, or not to be seen."""

    verb: Verb
    ready: list[Workload] = field(default_factory=list)
    skipped: dict[Refusal, list[Workload]] = field(default_factory=dict)
    gone: int = 0

    @property
    def losing(self) -> list[Workload]:
        return [workload for workload in self.ready if policies.loses(self.verb, workload)]

    @property
    def skipped_count(self) -> int:
        return sum(map(len, self.skipped.values())) + self.gone

    @property
    def asks(self) -> bool:
        """Whether a person confirms it first: something is lost, or it is more than a handful."""
        return bool(self.losing) or len(self.ready) > ASKED_ABOVE

    @property
    def word(self) -> str:
        """What must be typed to go on; empty for a handful."""
        return self.verb.value if self.verb == Verb.DELETE and len(self.ready) > ASKED_ABOVE else ""

    @property
    def reasons(self) -> list[tuple[Refusal, int, list[Workload]]]:
        """Why some are skipped: the commonest first, with their number and the first few of them."""
        found = [(why, len(rows), rows[:3]) for why, rows in self.skipped.items()]
        return sorted(found, key=lambda one: -one[1]) + ([(_GONE, self.gone, [])] if self.gone else [])


def plan(user: Any, verb: str, choice: Choice) -> Plan:
    """What `verb` on `choice` would do for `user`; as many queries for thousands as for one."""
    if verb not in VERBS:
        raise BadRequest("Choose stop, run or delete.")
    if choice.matching is None and not choice.ids:
        raise BadRequest("Select at least one workload first.")
    made, availability, rows = Plan(Verb(verb)), Availability(user), choice.rows(user)
    for workload in rows:
        why = availability.refusal(made.verb, workload)
        made.skipped.setdefault(why, []).append(workload) if why else made.ready.append(workload)
    if not rows:
        raise BadRequest("None of these workloads is there any more.")
    made.gone = len(set(choice.ids) - choice.excluded) - len(rows) if choice.matching is None else 0
    return made


def offers(user: Any, choice: Choice) -> tuple[int, dict[str, dict[str, int]]]:
    """How many `choice` are, and by verb why how many of them cannot be used. Raises BadRequest."""
    rows, availability = choice.rows(user), Availability(user)
    why: dict[str, dict[str, int]] = {verb.value: {} for verb in VERBS}
    for workload in rows:
        for verb in VERBS:
            if refusal := availability.refusal(verb, workload):
                why[verb.value][refusal.short] = why[verb.value].get(refusal.short, 0) + 1
    return len(rows), why


def of_bulk(user: Any, pk: str) -> Choice:
    """Those that an earlier bulk of `user`'s has done. Raises BadRequest."""
    found = Bulk.objects.visible_to(user).filter(pk__in=read_ids([pk])).first()
    if found is None:
        raise BadRequest("There is no such bulk action of yours.")
    return Choice(tuple(found.succeeded))


def read_ids(texts: Iterable[str]) -> list[int]:
    """Row ids from a query string or form, each text one or several parted by commas. Raises BadRequest."""
    parts = [part for text in texts for part in text.split(",") if part]
    if len(parts) > AT_MOST:
        raise BadRequest(f"At most {AT_MOST:,} workloads at once; {len(parts):,} were given.")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise BadRequest("A workload's id is a whole number.")
    return [int(part) for part in parts]
