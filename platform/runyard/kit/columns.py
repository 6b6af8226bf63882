"""Columns of a table: each knows its label, its SQL for sorting, and its cell.

Declared as attributes of a `runyard.kit.tables.Table`; the attribute's name is the column's key in URLs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Case, F, IntegerField, Value, When
from django.db.models.functions import Coalesce, Lower


@dataclass(kw_only=True)
class Column:
    """One column. `of` is a field's path or an expression; `needs` are the fields its cell reads."""

    label: str
    of: Any = ""
    needs: Sequence[str] = ()
    cell: str = ""  # the macro that draws it; by default the column's key
    width: int = 120  # pixels, until the viewer changes it
    sortable: bool = True
    detail: bool = False  # whether it may be cut off: its text is then its own tooltip
    key: str = ""

    align: ClassVar[str] = "start"

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name
        self.of = self.of or name
        self.cell = self.cell or name
        self.needs = tuple(self.needs) or ((self.of,) if isinstance(self.of, str) else ())

    def order(self) -> Any:
        """The expression rows are sorted by; never NULL, so that a keyset can compare it."""
        return F(self.of) if isinstance(self.of, str) else self.of


@dataclass(kw_only=True)
class Text(Column):
    """Words; sorted without regard to case, nothing first."""

    def order(self) -> Any:
        return Lower(Coalesce(super().order(), Value("")))


@dataclass(kw_only=True)
class Choice(Column):
    """One of a TextChoices enum; sorted in the enum's own order, which is a life's, not the alphabet's."""

    choices: Any

    def order(self) -> Any:
        places = [When(**{self.of: value}, then=Value(i)) for i, value in enumerate(self.choices.values)]
        return Case(*places, default=Value(len(places)), output_field=IntegerField())


@dataclass(kw_only=True)
class Number(Column):
    """An amount; right-aligned, tabular figures."""

    align = "end"


@dataclass(kw_only=True)
class Instant(Column):
    """A moment, sorted by the moment itself: descending is newest first."""

    align = "end"
