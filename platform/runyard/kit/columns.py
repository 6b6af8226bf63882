"""Columns of a table: each knows its label, its SQL for sorting and filtering, and its cell.

Declared as attributes of a `runyard.kit.tables.Table`; the attribute's name is the column's key in URLs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    F,
    Func,
    IntegerField,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Lower
from django.db.models.lookups import (
    Contains,
    EndsWith,
    Exact,
    GreaterThanOrEqual,
    IContains,
    LessThanOrEqual,
    StartsWith,
)
from django.utils import timezone

from runyard.kit import cells, plain
from runyard.kit.pages import cores, gib
from runyard.kit.values import BadQuery, duration, moments, number

# Operators of a filter in a URL, and the words people read for them.
OPERATORS = {
    "==": "is",
    "!=": "is not",
    ">=": "at least",
    "<=": "at most",
    "=@": "contains",
    "!@": "does not contain",
    "=^": "starts with",
    "=$": "ends with",
}
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_AMOUNTS = {1000: cores, 2**30: gib}  # as people read them, by scale


@dataclass(kw_only=True)
class Column:
    """One column. `of` is a field's path or an expression; `needs` are the fields its cell reads."""

    label: str
    of: Any = ""
    needs: Sequence[str] = ()
    draws: Callable[[Any], str] | None = None  # HTML of a row's cell, where `cell` is not what to show
    width: int = 120  # pixels, until the viewer changes it
    default: bool = True  # whether it is shown to somebody who has chosen nothing
    sortable: bool = True
    detail: bool = False  # whether it may be cut off: its text is then its own tooltip
    unit: str = ""  # of the amounts people read and write
    header: str = ""  # in a file, where the label does not say it
    exports: Sequence["Column"] = ()  # what stands in a file in its place
    api: Mapping[str, str] = field(default_factory=dict)  # its fields in JSON, each with the row's path
    key: str = ""

    align: ClassVar[str] = "start"
    reversed: ClassVar[bool] = False  # whether ascending goes down in SQL
    grows: ClassVar[bool] = False  # whether what rows are sorted by changes as time goes by
    operators: ClassVar[dict[str, str]] = {}  # those it can be filtered by, with their words
    hint: ClassVar[str] = ""  # what a filter's value looks like

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name
        self.of = self.of or name
        self.classes = f"{self.align} cut" if self.detail else self.align
        self.needs = tuple(self.needs) or ((self.of,) if isinstance(self.of, str) else ())
        self.api = self.api or ({name: self.of} if isinstance(self.of, str) else {})

    @property
    def options(self) -> list[tuple[str, str]]:
        """Every value a filter can take, with its words; empty where that is open."""
        return []

    def drawing(self) -> Callable[[Any], str]:
        """What draws the HTML of a row's cell: what `of` names, or what the API shows of an expression."""
        if self.draws is not None:
            return self.draws
        cell, path = self.cell, self.of if isinstance(self.of, str) else next(iter(self.api.values()))
        if "__" in path:
            return lambda row: cell(_reach(row, path))
        return lambda row: cell(getattr(row, path))

    def cell(self, value: Any) -> str:
        """HTML of a cell that holds `value`."""
        return cells.words(value)

    def order(self, at: datetime | None = None) -> Any:
        """What rows are sorted by, as of the moment `at`; never NULL, so that a keyset can compare it."""
        return F(self.of) if isinstance(self.of, str) else self.of

    def condition(self, operator: str, value: str) -> Q:
        """Rows for which `operator` (one of `operators`) holds. Raises BadQuery for a value that is none."""
        raise NotImplementedError

    def fields(self) -> list[tuple[str, Any]]:
        """Its fields in a file: header, with the unit, and SQL that gives the cell's text or number."""
        if self.exports:
            return [field for column in self.exports for field in column.fields()]
        unit = f" ({self.unit})" if self.unit else ""
        return [(f"{self.header or self.label}{unit}", self.exported())]

    def exported(self) -> Any:
        """The SQL of its one field in a file."""
        return plain.text(plain.value_of(self.of))

    def json(self, row: Any) -> dict[str, Any]:
        """Its fields in JSON: moments as ISO 8601 in UTC, lengths of time in whole seconds."""
        return {name: plain.json(_reach(row, path)) for name, path in self.api.items()}


def _reach(row: Any, path: str) -> Any:
    """The value at `path`; None where there is nothing on the way."""
    for name in path.split("__"):
        row = getattr(row, name, None) if row is not None else None
    return row


def _words(*operators: str) -> dict[str, str]:
    return {operator: OPERATORS[operator] for operator in operators}


@dataclass(kw_only=True)
class Text(Column):
    """Words; sorted without regard to case, nothing first. `also` are fields a filter looks into besides."""

    also: Sequence[str] = ()
    code: bool = False  # whether it is read sign by sign

    operators = _words("=@", "!@", "==", "!=", "=^", "=$")
    hint = "any text; case does not matter"

    def cell(self, value: Any) -> str:
        return cells.code(value) if self.code else cells.words(value)

    def order(self, at: datetime | None = None) -> Any:
        return Lower(Coalesce(super().order(), Value("")))

    def condition(self, operator: str, value: str) -> Q:
        if not value and operator not in ("==", "!="):
            raise BadQuery(f"“{self.key}{operator}” needs a text to look for.")
        lookup = {"@": Contains, "^": StartsWith, "$": EndsWith, "=": Exact}[operator[1]]
        texts = [self.order(), *(Lower(Coalesce(path, Value(""))) for path in self.also)]
        found = Q()
        for text in texts:
            found |= Q(lookup(text, value.lower()))
        return ~found if operator.startswith("!") else found


@dataclass(kw_only=True)
class Words(Column):
    """Several words, an array field: a filter asks whether one of them is, or holds, the value.

    Sorted by the first of them, then the next, without regard to case; none before all.
    """

    operators = _words("=@", "!@", "==", "!=")
    hint = "any text; case does not matter"

    def cell(self, value: Any) -> str:
        return cells.several(value)

    def condition(self, operator: str, value: str) -> Q:
        if not value:
            raise BadQuery(f"“{self.key}{operator}” needs a text to look for.")
        one_is = Q(**{f"{self.of}__contains": [value]})
        found = one_is if operator[1] == "=" else Q(IContains(self._joined(), value))
        return ~found if operator.startswith("!") else found

    def order(self, at: datetime | None = None) -> Any:
        return Lower(self._joined())

    def _joined(self) -> Any:
        return Func(F(self.of), Value("\n"), function="array_to_string", output_field=TextField())

    def exported(self) -> Any:
        return plain.joined(plain.value_of(self.of))


@dataclass(kw_only=True)
class Choice(Column):
    """One of a TextChoices enum; sorted in the enum's own order, which is a life's, not the alphabet's."""

    choices: Any

    operators = _words("==", "!=")

    @property
    def options(self) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in self.choices.choices if value]

    @cached_property
    def _labels(self) -> dict[str, str]:
        return {value: str(label) for value, label in self.choices.choices}  # made anew each time

    def cell(self, value: Any) -> str:
        return cells.words(self._labels.get(value, ""))

    def order(self, at: datetime | None = None) -> Any:
        field = plain.value_of(self.of)
        places = [When(Exact(field, Value(v)), then=Value(i)) for i, v in enumerate(self.choices.values)]
        return Case(*places, default=Value(len(places)), output_field=IntegerField())

    def condition(self, operator: str, value: str) -> Q:
        known = {name.lower(): name for name, _ in self.options}
        if value.lower() not in known:
            raise BadQuery(f"There is no {self.label} “{value[:40]}”; there is {', '.join(known.values())}.")
        found = Q(Exact(plain.value_of(self.of), Value(known[value.lower()])))
        return ~found if operator == "!=" else found

    def exported(self) -> Any:
        return plain.worded(plain.value_of(self.of), dict(self.choices.choices))


@dataclass(kw_only=True)
class Number(Column):
    """An amount, read and written in `unit`, not negative; right-aligned, tabular figures."""

    scale: int = 1  # how many of the field's are one of `unit`
    nullable: bool = False  # none is before all
    whole: bool = True  # whether the field holds whole numbers

    align = "end"
    operators = _words(">=", "<=", "==", "!=")
    hint = "a number such as 8 or 0.5"

    def cell(self, value: Any) -> str:
        return cells.NONE if value is None else _AMOUNTS.get(self.scale, str)(value)

    def order(self, at: datetime | None = None) -> Any:
        nothing = Value(-1 if self.whole else -1.0)
        return Coalesce(super().order(), nothing) if self.nullable else super().order()

    def condition(self, operator: str, value: str) -> Q:
        amount = number(value, self.label) * self.scale
        if operator == ">=":
            return Q(**{f"{self.of}__gte": int(amount.to_integral_value(ROUND_CEILING))})
        if operator == "<=":
            return Q(**{f"{self.of}__lte": int(amount.to_integral_value(ROUND_FLOOR))})
        found = Q(**{self.of: int(amount)}) if amount == int(amount) else Q(pk__in=[])
        return ~found if operator == "!=" else found

    def exported(self) -> Any:
        return plain.amount(plain.value_of(self.of), self.scale)


@dataclass(kw_only=True)
class Instant(Column):
    """A moment, sorted by the moment itself: descending is newest first; none is before all."""

    nullable: bool = False

    align = "end"
    operators = _words(">=", "<=")
    hint = "2026-11-22, 2026-11-22T14:00Z, or 7d for seven days ago"

    def cell(self, value: Any) -> str:
        return cells.at(value)

    def order(self, at: datetime | None = None) -> Any:
        return Coalesce(super().order(), Value(_LONG_AGO)) if self.nullable else super().order()

    def condition(self, operator: str, value: str) -> Q:
        first, after = moments(value, self.label)
        return Q(**{f"{self.of}__gte": first} if operator == ">=" else {f"{self.of}__lt": after})

    def fields(self) -> list[tuple[str, Any]]:
        return [(f"{self.header or self.label} (UTC)", self.exported())]

    def exported(self) -> Any:
        return plain.moment(plain.value_of(self.of))


@dataclass(kw_only=True)
class Age(Instant):
    """How long ago a moment was: ascending is youngest first, and filters take a length of time."""

    reversed = True
    hint = "a length of time: 90s, 30m, 12h, 7d or 2w"

    def cell(self, value: Any) -> str:
        return cells.ago(value)

    def condition(self, operator: str, value: str) -> Q:
        since = timezone.now() - duration(value, self.label)
        return Q(**{f"{self.of}__{'lte' if operator == '>=' else 'gte'}": since})


@dataclass(kw_only=True)
class Left(Instant):
    """How long it is until a moment: ascending is next first, and filters take a length of time."""

    hint = "a length of time: 90s, 30m, 12h, 7d or 2w"

    def cell(self, value: Any) -> str:
        return cells.left(value)

    def condition(self, operator: str, value: str) -> Q:
        until = timezone.now() + duration(value, self.label)
        return Q(**{f"{self.of}__{'gte' if operator == '>=' else 'lte'}": until})


@dataclass(kw_only=True)
class Lasting(Column):
    """A length of time that may still grow: what `of` holds and, where it is `going`, the time `since`."""

    since: str
    going: Q

    align = "end"
    grows = True
    operators = _words(">=", "<=")
    hint = "a length of time: 90s, 30m, 12h, 7d or 2w"

    def order(self, at: datetime | None = None) -> Any:
        nothing = Value(timedelta(), DurationField())
        goes_on = Greatest(Value(at or timezone.now(), DateTimeField()) - F(self.since), nothing)
        return F(self.of) + Case(
            When(self.going, then=goes_on), default=nothing, output_field=DurationField()
        )

    def condition(self, operator: str, value: str) -> Q:
        lasted = Value(duration(value, self.label), DurationField())
        return Q((GreaterThanOrEqual if operator == ">=" else LessThanOrEqual)(self.order(), lasted))

    def fields(self) -> list[tuple[str, Any]]:
        return [(f"{self.header or self.label} (seconds)", self.exported())]

    def exported(self) -> Any:
        return plain.seconds(self.order())
