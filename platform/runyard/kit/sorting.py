"""The order of a table's rows: one or two columns, each up or down, as `sort=-gpus,name` in a URL."""

from collections.abc import Mapping
from dataclasses import dataclass

from runyard.kit.columns import Column
from runyard.kit.values import BadQuery

AT_MOST = 2


@dataclass(frozen=True, slots=True)
class Key:
    """One column to sort by."""

    column: Column
    descending: bool

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.column.key}"

    @property
    def down(self) -> bool:
        """Whether SQL goes down: an age grows as its moment falls."""
        return self.descending != self.column.reversed

    @property
    def turned(self) -> "Key":
        return Key(self.column, not self.descending)


@dataclass(frozen=True, slots=True)
class Sort:
    """What rows are sorted by first and, if that ties, second; the last tie is broken by the row's id."""

    keys: tuple[Key, ...]

    @classmethod
    def read(cls, text: str, columns: Mapping[str, Column]) -> "Sort":
        """Raises BadQuery for a column that does not sort, one named twice, and more than two."""
        names = text.split(",")
        if len(names) > AT_MOST:
            raise BadQuery(f"A table is sorted by at most {AT_MOST} columns; {len(names)} were given.")
        keys = tuple(cls._key(name, columns) for name in names)
        if len({key.column.key for key in keys}) < len(keys):
            raise BadQuery(f"This table cannot be sorted by “{keys[0].column.key}” twice.")
        return cls(keys)

    @staticmethod
    def _key(name: str, columns: Mapping[str, Column]) -> Key:
        key = name.removeprefix("-")
        column = columns.get(key)
        if column is None or not column.sortable:
            known = ", ".join(other.key for other in columns.values() if other.sortable)
            raise BadQuery(f"This table cannot be sorted by “{key[:40]}”; it can by {known}.")
        return Key(column, name.startswith("-"))

    def __str__(self) -> str:
        return ",".join(map(str, self.keys))

    def key_of(self, column: Column) -> Key | None:
        return next((key for key in self.keys if key.column is column), None)

    def place_of(self, column: Column) -> int:
        """1 or 2; 0 when rows are not sorted by `column`."""
        return next((i for i, key in enumerate(self.keys, 1) if key.column is column), 0)

    def by(self, column: Column) -> str:
        """The sort that a click on `column` leads to: by it alone, the other way round when it is already."""
        now = self.key_of(column)
        return str(now.turned if now and len(self.keys) == 1 else now or _first(column))

    def then(self, column: Column) -> str:
        """The sort that a shift-click leads to: the first key stays, `column` becomes or turns the second."""
        if now := self.key_of(column):
            return ",".join(str(key.turned if key is now else key) for key in self.keys)
        return f"{self.keys[0]},{_first(column)}"


def _first(column: Column) -> Key:
    """Words and ages begin at the smallest, amounts and moments at the greatest."""
    return Key(column, column.align == "end" and not column.reversed)
