"""Filters with operators in a URL: `f=gpus>=8&f=name=@llama`, each one column, one operator, one value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from runyard.kit.columns import OPERATORS, Column
from runyard.kit.values import BadQuery

AT_MOST, LONGEST_VALUE = 20, 200
_SHAPE = re.compile(r"([a-z_]*)\s*(==|!=|<=|>=|=@|!@|=\^|=\$)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter: rows for which `operator` holds between `column` and `value`."""

    column: Column
    operator: str
    value: str
    where: Q

    @classmethod
    def read(cls, text: str, columns: Mapping[str, Column]) -> "Condition":
        """Raises BadQuery saying what would be allowed."""
        if not (parts := _SHAPE.fullmatch(text)):
            raise BadQuery(
                f"“{text[:40]}” is no filter; write a column, one of {' '.join(OPERATORS)}, and a value."
            )
        name, operator, value = parts[1], parts[2], parts[3].strip()
        column = columns.get(name)
        if column is None or not column.operators:
            known = ", ".join(key for key, column in columns.items() if column.operators)
            raise BadQuery(f"This table cannot be filtered by “{name[:40]}”; it can by {known}.")
        if operator not in column.operators:
            raise BadQuery(
                f"{column.label} cannot be filtered with {operator}; use {' '.join(column.operators)}."
            )
        if len(value) > LONGEST_VALUE:
            raise BadQuery(f"A filter's value has at most {LONGEST_VALUE} characters.")
        return cls(column, operator, value, column.condition(operator, value))

    def __str__(self) -> str:
        return f"{self.column.key}{self.operator}{self.value}"

    @property
    def words(self) -> str:
        """The operator as people read it."""
        return self.column.operators[self.operator]

    @property
    def shown(self) -> str:
        """The value as people read it."""
        label = {value.lower(): label for value, label in self.column.options}.get(self.value.lower())
        return label or f"{self.value} {self.column.unit}".strip() or "empty"


def read_conditions(texts: Sequence[str], columns: Mapping[str, Column]) -> tuple[Condition, ...]:
    """Every filter in `texts`, empty ones aside. Raises BadQuery for the first that is wrong."""
    if len(texts) > AT_MOST:
        raise BadQuery(f"A table takes at most {AT_MOST} filters; {len(texts)} were given.")
    return tuple(Condition.read(text, columns) for text in texts if text)


def all_of(conditions: Sequence[Condition]) -> Q:
    """All hold; of several `==` on one column, any one does."""
    alternatives: dict[str, Q] = {}
    where = Q()
    for condition in conditions:
        if condition.operator == "==":
            key = condition.column.key
            alternatives[key] = alternatives.get(key, Q()) | condition.where
        else:
            where &= condition.where
    for either in alternatives.values():
        where &= either
    return where
