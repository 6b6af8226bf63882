"""Where a workload's history comes from: sources of rows of one shape, for `history` to merge.

The order is docs/history.md: by second; within one what was asked, then what the cluster said, then the phase
it came to. Each source keeps to one place, so that an index of its own time gives it in that order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    F,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat, NullIf, Trim, TruncSecond, Upper
from django.db.models.lookups import Contains

from workloads import event_words, queries
from workloads.models import EVENT_WORDS, Action, Verb, Workload
from workloads.status import Phase, Reason

ASKED, SAID, CAME_TO = 0, 1, 2  # places within a second
#: Who tells of what: we do, or a part of the cluster that gives no name.
RUNYARD, CLUSTER = "runyard", "cluster"
_SECOND = timedelta(seconds=1)
#: The phases in which the cluster is waited for: they come before what it does.
WAITING = (Phase.CREATING, Phase.PENDING, Phase.RESUMING, Phase.STOPPING, Phase.DELETING)

VERBS: dict[str, str] = {
    Verb.CREATE: "Submitted",
    Verb.STOP: "Stop asked for",
    Verb.RUN: "Run asked for",
    Verb.DELETE: "Delete asked for",
}
CHANGES: dict[str, str] = {
    "": "Something else changed",
    "suspended": "Suspended changed",
    "image": "Image changed",
    "gpu_millis": "GPUs changed",
    "gpu_memory_bytes": "GPU memory changed",
    "cpu_millis": "CPU changed",
    "memory_bytes": "Memory changed",
    "pods_requested": "Pods changed",
    "runs_requested": "Completions changed",
    "retries": "Retries changed",
    "architecture": "Architecture changed",
    "priority": "Priority changed",
    "preemptible": "Preemptible changed",
    "labels": "Labels changed",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in the history; `source` breaks ties of moments, `pk` ties of one source."""

    place: int
    at: datetime
    source: int
    pk: int


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of row. `columns` give its fields in the common shape; `words` the rows that hold a word."""

    key: str
    number: int
    place: int
    type: str
    rows: Callable[[Any, Workload], QuerySet[Any]]
    at: str
    columns: dict[str, Any]
    words: Callable[[str], Q]
    teller: str = ""  # the field that says who told of a row; empty where Runyard did of all
    indexed: Callable[[str], Q] | None = None  # as `words`, found by an index; where there are very many rows

    def shaped(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """`rows` as tuples in the order of COLUMNS."""
        return rows.annotate(**self.order(), **{f"h_{n}": self.value(n) for n in TOLD}).values_list(
            *(f"h_{name}" for name in COLUMNS)
        )

    def order(self) -> dict[str, Any]:
        """What the whole history is ordered by, as annotations."""
        second = {"h_second": TruncSecond(self.at), "h_at": F(self.at), "h_pk": F("pk")}
        return second | {"h_place": Value(self.place), "h_number": Value(self.number)}

    def value(self, name: str) -> Any:
        """One of TOLD; what came once came first and last when it came."""
        once = {"type": _text(Value(self.type)), "first_at": F(self.at), "last_at": F(self.at)}
        return {**_NOTHING, **once, **self.columns}[name]

    def told_by(self, name: str) -> Q:
        """Its rows whose source is `name`, as it is shown."""
        if not self.teller:
            return Q() if name == RUNYARD else Q(pk__in=[])
        return Q(**{self.teller: name}) | (Q(**{self.teller: ""}) if name == CLUSTER else Q())

    def older(self, than: Place) -> Q:
        """Its rows that stand below `than`, as the whole history is ordered."""
        second = than.at.replace(microsecond=0)
        if self.place != than.place:
            return Q(**{f"{self.at}__lt": second + _SECOND if self.place < than.place else second})
        earlier, same = Q(**{f"{self.at}__lt": than.at}), Q(**{self.at: than.at})
        if self.number == than.source:
            return Q(**{f"{self.at}__lte": than.at}) & (earlier | same & Q(pk__lt=than.pk))
        return earlier | same if self.number < than.source else earlier


#: What the whole history is ordered by, all of it descending.
ORDER = ("second", "place", "at", "number", "pk")
#: What is told of each; texts are hostile.
TOLD = (
    "type", "title", "words", "source", "about_kind", "about", "about_uid", "times", "own_times", "first_at",
    "last_at",
)  # fmt: skip
COLUMNS = (*ORDER, *TOLD)  # the common shape


def _text(value: Any) -> Any:
    return Cast(value, TextField())


_NOTHING: dict[str, Any] = {
    "source": _text(Value("")),
    "about_kind": _text(Value("")),
    "about": _text(Value("")),
    "about_uid": _text(Value("")),
    "times": Value(1),
    "own_times": Value(1),
}


def _or(of: str, otherwise: str) -> Any:
    return Coalesce(NullIf(_text(F(of)), _text(Value(""))), _text(Value(otherwise)))


def _line(*parts: Any) -> Any:
    """The parts one after another."""
    return Concat(*map(_text, parts))


def _either(*whens: When, otherwise: Any) -> Any:
    return Case(*whens, default=otherwise, output_field=TextField())


def _labelled(of: str, labels: dict[str, str], otherwise: Any) -> Any:
    whens = [When(**{of: value}, then=_text(Value(label))) for value, label in labels.items()]
    return _either(*whens, otherwise=otherwise)


def _those(of: str, labels: dict[str, str], word: str) -> Q:
    return Q(**{f"{of}__in": [value for value, label in labels.items() if word in label.lower()]})


# -- actions

_FULL_NAME = Trim(_line(F("by__first_name"), Value(" "), F("by__last_name")))
_WHO = Coalesce(NullIf(_text(_FULL_NAME), _text(Value(""))), _text(F("by__username")))
#: Who did it, of a row whose `by` is a person.
BY = _either(When(by=None, then=_text(Value(""))), otherwise=_line(Value("by "), _WHO))
_WELL = Q(state=Action.State.DONE) | Q(error="")
_OUTCOME = _either(
    When(_WELL & ~Q(state=Action.State.FAILED), then=_text(Value(""))),
    When(state=Action.State.FAILED, then=_line(Value("refused: "), F("error"))),
    otherwise=_line(Value("trying again: "), F("error")),
)
_ACTION_WORDS = _either(
    When(Q(by=None) | _WELL & ~Q(state=Action.State.FAILED), then=_line(BY, _OUTCOME)),
    otherwise=_line(BY, Value(", "), _OUTCOME),
)
ACTIONS = Source(
    "action",
    0,
    ASKED,
    "action",
    queries.visible_actions,
    "created_at",
    {
        "title": _labelled("verb", VERBS, _text(F("verb"))),
        "words": _ACTION_WORDS,
        "source": _text(Value(RUNYARD)),
    },
    lambda word: (
        _those("verb", VERBS, word)
        | Q(error__icontains=word)
        | Q(by__first_name__icontains=word)
        | Q(by__last_name__icontains=word)
        | Q(by__username__icontains=word)
    ),
)

# -- changes of the specification

_CHANGED = _either(
    When(field="", then=_text(Value("in fields that are not kept here; the YAML shows what is live"))),
    otherwise=_line(_or("before", "nothing"), Value(" → "), _or("after", "nothing")),
)
CHANGED = Source(
    "change",
    1,
    ASKED,
    "change",
    queries.visible_spec_changes,
    "at",
    {
        "title": _labelled("field", CHANGES, _text(F("field"))),
        "words": _CHANGED,
        "source": _or("manager", CLUSTER),
    },
    lambda word: (
        _those("field", CHANGES, word)
        | Q(before__icontains=word)
        | Q(after__icontains=word)
        | Q(manager__icontains=word)
    ),
    teller="manager",
)

# -- phases

# As `Workload.why`: Stopped says it all by itself.
_REASONS: dict[str, str] = {
    str(r.value): str(r.label) for r in Reason if r not in (Reason.NONE, Reason.SUSPENDED)
}
_PHASE = {
    "title": _text(F("phase")),
    "words": _either(
        When(~Q(message=""), then=F("message")), otherwise=_labelled("reason", _REASONS, _text(Value("")))
    ),
    "source": _text(Value(RUNYARD)),
}


def _phase_words(word: str) -> Q:
    by_reason = Q(message="") & _those("reason", _REASONS, word)
    return Q(phase__icontains=word) | Q(message__icontains=word) | by_reason


def _waiting_phases(user: Any, workload: Workload) -> QuerySet[Any]:
    return queries.visible_phase_changes(user, workload).filter(phase__in=WAITING)


def _other_phases(user: Any, workload: Workload) -> QuerySet[Any]:
    return queries.visible_phase_changes(user, workload).exclude(phase__in=WAITING)


PHASES_WAITING = Source("phase", 2, ASKED, "phase", _waiting_phases, "at", _PHASE, _phase_words)
PHASES = Source("phase", 4, CAME_TO, "phase", _other_phases, "at", _PHASE, _phase_words)

# -- events of the cluster

_EVENT = {
    "title": _text(F("reason")),
    "words": F("message"),
    "source": _or("source", CLUSTER),
    "about_kind": _text(F("regarding_kind")),
    "about": _text(F("regarding_name")),
    "about_uid": _text(F("regarding_uid")),
    "times": Cast("total", IntegerField()),
    "own_times": F("count"),
    "first_at": F("since"),
}


def _event_words(word: str) -> Q:
    """Those whose texts hold the word, or whose reason's sentence does; read one by one, by no index."""
    return Q(Contains(_READ, Upper(Value(word)))) | Q(reason__in=event_words.reasons_with(word))


def _indexed_words(word: str) -> Q:
    """The same of events, all of it found by the index of words of their type."""
    found = _holding(word)
    for reason in event_words.reasons_with(word):
        found |= _holding(reason) & Q(reason=reason)
    return found


#: No index is of this, so that none is used where reading in the order of time is quicker.
_READ = Concat(EVENT_WORDS, Value(""), output_field=TextField())


def _holding(word: str) -> Q:
    return Q(Contains(EVENT_WORDS, Upper(Value(word))))


def _normal(user: Any, workload: Workload) -> QuerySet[Any]:
    return queries.visible_folds(user, workload).filter(~Q(type="Warning"))


def _warnings(user: Any, workload: Workload) -> QuerySet[Any]:
    return queries.visible_folds(user, workload).filter(type="Warning")


NORMAL = Source("event", 3, SAID, "normal", _normal, "until", _EVENT, _event_words, "source", _indexed_words)
WARNINGS = Source(
    "event", 3, SAID, "warning", _warnings, "until", _EVENT, _event_words, "source", _indexed_words
)

#: Rooms above this one add what they keep of a workload, as they are loaded.
SOURCES = [ACTIONS, CHANGED, PHASES_WAITING, NORMAL, WARNINGS, PHASES]
