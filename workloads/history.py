"""What happened to a workload, newest first: actions, changes of its specification, cluster events, phases.

Merged in the database and read a page at a time, so that a long history costs what a short one does.
Read-only, and only of rows the viewer may see. Used by the workload's pages and the API.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from hashlib import sha256
from operator import and_
from typing import Any

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import Q, QuerySet
from django.http import QueryDict

from runyard.kit.counting import count_up_to
from runyard.kit.keyset import BadCursor, Cursor
from runyard.kit.values import BadQuery, moments
from workloads import event_words, queries
from workloads.history_search import Rank, end_of_look, few
from workloads.history_sources import COLUMNS, ORDER, SOURCES, Place, Source
from workloads.models import Event, Workload

MANY_SECONDS = 60
PAGE_SIZE, COUNTED, LONGEST_TEXT, SUGGESTED = 50, 1000, 200, 1000
TYPES = {
    "phase": "Phases",
    "action": "Actions",
    "change": "Changes",
    "normal": "Events",
    "warning": "Warnings",
}
PARAMETERS = ("q", "type", "source", "pod", "from", "to", "after")


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history. `type` is one of TYPES; texts are hostile.

    `sentence` says in plain words what a cluster event's `title` (its reason) means, where that is known.
    """

    key: str  # "event-17": the row it tells of
    at: datetime
    type: str
    title: str
    words: str
    source: str
    first_at: datetime
    last_at: datetime
    about_kind: str = ""
    about: str = ""
    pod: int | None = None  # the key of the Pod it is about
    count: int = 1
    folded: bool = False  # whether `count` sums up events that can be listed
    sentence: str = ""

    @property
    def mark(self) -> str:
        """The phase whose shape stands before it."""
        return self.title if self.type == "phase" else ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a history is asked for."""

    text: str = ""
    type: str = ""
    source: str = ""
    pod: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked for of one source, and where the look through it ends, if it does."""

    source: Source
    rows: QuerySet[Any]
    end: Rank | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """`after` is the cursor of the next, older page; empty on the last.

    `looked_to`: the page has less than it has room for, since the look for it ended there.
    """

    happenings: list[Happening] = field(default_factory=list)
    after: str = ""
    looked_to: datetime | None = None


def read(params: QueryDict, user: Any, workload: Workload) -> Wanted:
    """What `params` ask for. Raises BadQuery, in words, for what there is not."""
    given = {name: params.get(name, "") for name in PARAMETERS}
    for name, value in given.items():
        longest = 2000 if name == "after" else 253 if name == "pod" else LONGEST_TEXT
        if "\0" in value or len(value) > longest:
            raise BadQuery(f"“{name}” holds a NUL, or more than {longest} characters.")
    if given["type"] not in ("", *TYPES):
        raise BadQuery(f"There is no type “{given['type'][:40]}”; there is {', '.join(TYPES)}.")
    pods = queries.visible_pods(user, workload)
    if given["pod"] and not pods.filter(name=given["pod"]).exists():
        raise BadQuery(f"This workload has had no pod “{given['pod'][:253]}”.")
    after = _place(given["after"], workload)
    since = moments(given["from"], "from")[0] if given["from"] else None
    until = moments(given["to"], "to")[1] if given["to"] else None
    return Wanted(given["q"], given["type"], given["source"], given["pod"], since, until, after)


def page(user: Any, workload: Workload, wanted: Wanted, size: int = PAGE_SIZE) -> HistoryPage:
    """At most `size` of what happened, the newest below `wanted.after` first."""
    parts = [_part(source, user, workload, wanted) for source in _of_type(wanted)]
    found, end = _newest(parts, size + 1)
    if end and len(found) <= size and (indexed := _by_index(parts, user, workload, wanted)):
        found, end = _newest(indexed, size + 1)
    shown = [dict(zip(COLUMNS, row, strict=True)) for row in found[:size]]
    happenings = _happenings(shown, user, workload)
    if len(found) > size:
        return HistoryPage(happenings, _cursor(shown[-1], workload))
    last = dict(zip(ORDER, end, strict=True)) if end else None
    return HistoryPage(happenings, _cursor(last, workload), last["at"]) if last else HistoryPage(happenings)


def _part(source: Source, user: Any, workload: Workload, wanted: Wanted) -> Part:
    """What is looked at in one go."""
    rows, end = _filtered(source, user, workload, wanted), None
    if source.indexed and (wanted.text or wanted.source):
        end = end_of_look(source, _filtered(source, user, workload, replace(wanted, text="", source="")))
    return Part(source, rows.filter(**{f"{source.at}__gte": end[0]}) if end else rows, end)


def _by_index(parts: list[Part], user: Any, workload: Workload, wanted: Wanted) -> list[Part]:
    """`parts` with all there is of each; empty where no index tells that."""
    found = []
    for part in parts:
        if part.end:
            keys = _few(part.source, user, workload, wanted.text)
            if keys is None:
                return []
            rows = _filtered(part.source, user, workload, wanted)
            part = Part(part.source, rows.filter(pk__in=keys))
        found.append(part)
    return found


def _few(source: Source, user: Any, workload: Workload, text: str) -> list[int] | None:
    """Asked of the index once a minute where the answer is no: a look back goes on in many steps."""
    key = f"many:{workload.pk}:{source.type}:{sha256(text.encode()).hexdigest()}"
    keys = None if cache.get(key) else few(source, source.rows(user, workload), text)
    if keys is None:
        cache.set(key, True, MANY_SECONDS)
    return keys


def _newest(parts: list[Part], most: int) -> tuple[list[Rank], Rank | None]:
    """At most so many of all, and where the look through them ends, if it does."""
    end = max((part.end for part in parts if part.end), default=None)
    limited = [part.source.shaped(part.rows.order_by(f"-{part.source.at}", "-pk"))[:most] for part in parts]
    return [row for row in _merged(limited)[:most] if end is None or row[: len(ORDER)] >= end], end


def _merged(parts: list[QuerySet[Any]]) -> QuerySet[Any]:
    """Each is in order already, and so are all where there is but one."""
    if not parts[1:]:
        return parts[0]
    return parts[0].union(*parts[1:], all=True).order_by(*(f"-h_{name}" for name in ORDER))


def latest(user: Any, workload: Workload, count: int) -> list[Happening]:
    """The newest `count` of all that happened."""
    return page(user, workload, Wanted(), count).happenings


def counts(user: Any, workload: Workload) -> dict[str, int]:
    """How many there are of each type, COUNTED + 1 at most: no more rows than that are looked at."""
    found = dict.fromkeys(TYPES, 0)
    for source in SOURCES:
        found[source.type] += count_up_to(source.rows(user, workload), COUNTED + 1)
    return found


def total(user: Any, workload: Workload) -> str:
    """How many there are in all, in words; empty for none. One query, of as few rows as `counts`."""
    rows = [source.rows(user, workload).order_by().values_list("pk")[: COUNTED + 1] for source in SOURCES]
    found = rows[0].union(*rows[1:], all=True).count()
    return counted(found) if found else ""


def counted(number: int) -> str:
    """A number of `counts` in words, or their sum."""
    return f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"


def sources(user: Any, workload: Workload) -> list[str]:
    """Who told of the newest SUGGESTED events, to choose from; others can be asked for as well."""
    newest = queries.visible_events(user, workload).values_list("source", flat=True)[:SUGGESTED]
    return sorted({source or "cluster" for source in newest} | {"runyard"})


def folded(user: Any, workload: Workload, head: int) -> tuple[list[Happening], int]:
    """The single events that are folded into event `head`, newest first, at most COUNTED; their number."""
    rows = queries.visible_events(user, workload).filter(Q(pk=head) | Q(folded_into=head))
    return [_single(row) for row in rows[:COUNTED]], count_up_to(rows, COUNTED + 1)


def matching(user: Any, workload: Workload, wanted: Wanted) -> list[tuple[Source, QuerySet[Any]]]:
    """Each source's rows that `wanted` keeps, whatever page it asks for."""
    every = replace(wanted, after=None)
    found = [(source, _filtered(source, user, workload, every)) for source in _of_type(wanted)]
    if wanted.text:
        found = [(source, _by_keys(source, rows, user, workload, wanted.text)) for source, rows in found]
    return [(source, rows) for source, rows in found if not _is_empty(rows)]


def _by_keys(source: Source, rows: QuerySet[Any], user: Any, workload: Workload, text: str) -> QuerySet[Any]:
    """The same rows, read by their keys where an index finds few."""
    keys = _few(source, user, workload, text) if source.indexed else None
    return rows if keys is None else rows.filter(pk__in=keys)


def _of_type(wanted: Wanted) -> list[Source]:
    return [source for source in SOURCES if wanted.type in ("", source.type)]


def _filtered(source: Source, user: Any, workload: Workload, wanted: Wanted) -> QuerySet[Any]:
    rows = source.rows(user, workload)
    if wanted.after:
        rows = rows.filter(source.older(wanted.after))
    if wanted.text:
        rows = rows.filter(reduce(and_, map(source.words, wanted.text.lower().split()), Q()))
    if wanted.since:
        rows = rows.filter(**{f"{source.at}__gte": wanted.since})
    if wanted.until:
        rows = rows.filter(**{f"{source.at}__lt": wanted.until})
    if wanted.source:
        rows = rows.filter(source.told_by(wanted.source))
    if wanted.pod:
        rows = rows.filter(_about(source, user, workload, wanted.pod))
    return rows


def _about(source: Source, user: Any, workload: Workload, pod: str) -> Q:
    """What is about the pods of that name; only events are about one."""
    if source.key != "event":
        return Q(pk__in=[])
    pods = queries.visible_pods(user, workload).filter(name=pod)
    return Q(regarding_uid__in=list(pods.values_list("uid", flat=True)))


def _is_empty(rows: QuerySet[Any]) -> bool:
    """Whether its conditions can hold for no row; nothing is asked of the database."""
    try:
        rows.query.sql_with_params()
    except EmptyResultSet:
        return True
    return False


def _happenings(rows: list[dict[str, Any]], user: Any, workload: Workload) -> list[Happening]:
    uids = {row["about_uid"] for row in rows if row["about_kind"] == "Pod"}
    pods = (
        dict(queries.visible_pods(user, workload).filter(uid__in=uids).values_list("uid", "pk"))
        if uids
        else {}
    )
    return [_happening(row, pods) for row in rows]


def _happening(row: dict[str, Any], pods: dict[str, int]) -> Happening:
    shared = {name: row[name] for name in ("at", "type", "title", "words", "source", "about_kind", "about")}
    return Happening(
        **shared,
        key=f"{_key(row['number'])}-{row['pk']}",
        pod=pods.get(row["about_uid"]),
        count=row["times"],
        folded=row["times"] != row["own_times"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        sentence=event_words.sentence(row["title"]) if row["type"] in ("normal", "warning") else "",
    )


def _key(number: int) -> str:
    return next(source.key for source in SOURCES if source.number == number)


def _single(event: Event) -> Happening:
    return Happening(
        key=f"single-{event.pk}",
        at=event.last_at,
        type="warning" if event.type == "Warning" else "normal",
        title=event.reason,
        words=event.message,
        source=event.source or "cluster",
        count=event.count,
        first_at=event.first_at,
        last_at=event.last_at,
    )


def _sort(workload: Workload) -> str:
    return f"history {workload.pk}"


def _cursor(row: dict[str, Any], workload: Workload) -> str:
    return Cursor(_sort(workload), (row["place"], row["at"], row["number"]), row["pk"]).dump()


def _place(text: str, workload: Workload) -> Place | None:
    try:
        cursor = Cursor.load(text, _sort(workload)) if text else None
        if cursor is None:
            return None
        place, at, number = cursor.values
        return Place(place, at, number, cursor.pk)
    except (BadCursor, ValueError):
        raise BadQuery("This link to a page of the history is not valid any more.") from None
