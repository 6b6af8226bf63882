"""Keyset paging: the cursor in a URL names the row to go on from, signed so that nobody else makes one.

Unlike an offset it costs the same on every page, and rows that come or go in between shift nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

SALT = "runyard.kit.keyset"


class BadCursor(ValueError):
    """The cursor is not one of ours, or belongs to another sort."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where one row stands in one sort: `values` are what it sorts by, `pk` breaks ties.

    Some values grow as time goes by: they are those of the moment `at`, and so are all pages that follow.
    """

    sort: str
    values: tuple[Any, ...]
    pk: int
    at: datetime | None = None

    def dump(self) -> str:
        return signing.dumps([self.sort, self.at, *self.values, self.pk], salt=SALT, serializer=_Json)

    @classmethod
    def load(cls, text: str, sort: str) -> "Cursor":
        """Raises BadCursor for anything that `dump` did not write for the same `sort`."""
        try:
            made_for, at, *values, pk = signing.loads(text, salt=SALT, serializer=_Json)
        except (signing.BadSignature, ValueError, TypeError) as error:
            raise BadCursor from error
        if made_for != sort:
            raise BadCursor
        return cls(sort, tuple(values), pk, at)


class _Json:
    """Moments survive as text that PostgreSQL compares exactly."""

    def dumps(self, data: Any) -> bytes:
        return DjangoJSONEncoder(separators=(",", ":")).encode(_exact(data)).encode()

    def loads(self, raw: bytes) -> Any:
        return [_moment(item) for item in signing.JSONSerializer().loads(raw)]


def _exact(data: list[Any]) -> list[Any]:
    """DjangoJSONEncoder drops microseconds; a cursor must not."""
    return [{"at": item.isoformat()} if hasattr(item, "isoformat") else item for item in data]


def _moment(item: Any) -> Any:
    return parse_datetime(item["at"]) if isinstance(item, dict) else item


def keyed(rows: QuerySet[Any], expressions: Sequence[Any]) -> QuerySet[Any]:
    """`rows` with what they are sorted by as `sort_0`, `sort_1`."""
    return rows.annotate(**{f"sort_{i}": expression for i, expression in enumerate(expressions)})


def cursor_of(row: Any, sort: str, keys: int, at: datetime | None = None) -> Cursor:
    """Where `row`, one of `keyed` by that many expressions as of `at`, stands."""
    return Cursor(sort, tuple(getattr(row, f"sort_{i}") for i in range(keys)), row.pk, at)


def place_of(row: Any, keys: int) -> str:
    """A short digest of what `row`, one of `keyed`, is sorted by: while it stays, so does the row's place."""
    return f"{crc32(repr([getattr(row, f'sort_{i}') for i in range(keys)]).encode()):x}"


def beyond(rows: QuerySet[Any], cursor: Cursor, down: Sequence[bool]) -> QuerySet[Any]:
    """`rows`, `keyed`, that come after `cursor`; the first condition lets an index help."""
    further = Q(**{f"pk__{_way(down[-1])}": cursor.pk})
    for i, value in reversed([*enumerate(cursor.values)]):
        further = Q(**{f"sort_{i}__{_way(down[i])}": value}) | Q(**{f"sort_{i}": value}) & further
    return rows.filter(Q(**{f"sort_0__{_way(down[0])}e": cursor.values[0]}), further)


def in_order(rows: QuerySet[Any], down: Sequence[bool]) -> QuerySet[Any]:
    """`rows`, `keyed`, each key down or up; ties go the last key's way."""
    signs = ["-" if falls else "" for falls in down]
    return rows.order_by(*(f"{sign}sort_{i}" for i, sign in enumerate(signs)), f"{signs[-1]}pk")


def _way(down: bool) -> str:
    return "lt" if down else "gt"
