"""Keyset paging: the cursor in a URL names the row to go on from, signed so that nobody else makes one.

Unlike an offset it costs the same on every page, and rows that come or go in between shift nothing.
"""

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

SALT = "runyard.kit.keyset"


class BadCursor(ValueError):
    """The cursor is not one of ours, or belongs to another sort."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where one row stands in one sort: `value` is what it sorts by, `pk` breaks ties."""

    sort: str
    value: Any
    pk: int

    def dump(self) -> str:
        return signing.dumps([self.sort, self.value, self.pk], salt=SALT, serializer=_Json)

    @classmethod
    def load(cls, text: str, sort: str) -> "Cursor":
        """Raises BadCursor for anything that `dump` did not write for the same `sort`."""
        try:
            made_for, value, pk = signing.loads(text, salt=SALT, serializer=_Json)
        except (signing.BadSignature, ValueError, TypeError) as error:
            raise BadCursor from error
        if made_for != sort:
            raise BadCursor
        return cls(sort, value, pk)


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


def beyond(rows: QuerySet[Model], cursor: Cursor, descending: bool) -> QuerySet[Model]:
    """`rows`, annotated with `sort_key`, that come after `cursor`; the first condition lets an index help."""
    way = "lt" if descending else "gt"
    further = Q(**{f"sort_key__{way}": cursor.value})
    tied = Q(sort_key=cursor.value, **{f"pk__{way}": cursor.pk})
    return rows.filter(Q(**{f"sort_key__{way}e": cursor.value}), further | tied)


def in_order(rows: QuerySet[Model], descending: bool) -> QuerySet[Model]:
    return rows.order_by("-sort_key", "-pk") if descending else rows.order_by("sort_key", "pk")
