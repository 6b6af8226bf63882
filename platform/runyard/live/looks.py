"""What a page says of the table it shows: its address, its columns, the rows in it and where they end.

Comes from a browser, so everything is checked here; what is wrong is Unfit, in words.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from runyard.kit.keyset import Cursor
from runyard.kit.values import BadQuery
from workloads.views.changed import MOST_ROWS, View

LONGEST = 3_000  # characters of an address, of columns, of a cursor
Edges = tuple[Cursor | None, Cursor | None]  # rows in the table come after the one and before the other


class Unfit(Exception):
    """Rows cannot be drawn for that; the message says why."""


@dataclass(frozen=True, slots=True)
class Look:
    """`query`: the table's address without a place in it; `drawn`: the keys of the columns."""

    query: str
    drawn: str

    def view(self, edges: Edges = (None, None)) -> View:
        """Read anew each time, for an address may speak of time; it was valid when it was checked."""
        view = View.read(QueryDict(self.query), self.drawn)
        return replace(view, query=replace(view.query, after=edges[0], before=edges[1]))


def read_look(message: dict[str, Any]) -> tuple[Look, frozenset[int], Edges]:
    """What is shown, the ids of the rows that are, and their edges. Raises Unfit."""
    query, drawn, after, before = (_text(message, name) for name in ("query", "drawn", "after", "before"))
    params = QueryDict(query, mutable=True)
    for name in ("after", "before", "count"):
        params.pop(name, None)
    look = Look(params.urlencode(), drawn)
    for name, cursor in (("after", after), ("before", before)):
        if cursor:
            params[name] = cursor
    try:
        view = View.read(params, drawn)
    except BadQuery as error:
        raise Unfit(str(error)) from error
    if view.ticks:
        raise Unfit("Rows sorted by a time that goes on are named, not sent: each page has its own moment.")
    return look, _ids(message.get("rows")), (_bare(view.query.after), _bare(view.query.before))


def _text(message: dict[str, Any], name: str) -> str:
    text = message.get(name) or ""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise Unfit(f"“{name}” is no text of at most {LONGEST:,} characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit(f"“{name}” holds half a character.") from None
    return text


def _ids(rows: Any) -> frozenset[int]:
    sound = isinstance(rows, list) and all(type(pk) is int and 0 < pk < 2**63 for pk in rows)
    if not sound or len(rows) > MOST_ROWS:
        raise Unfit(f"“rows” are the ids of the rows shown, at most {MOST_ROWS}.")
    return frozenset(rows)


def _bare(cursor: Cursor | None) -> Cursor | None:
    """The same for all who look at the same row: when they began to look does not matter here."""
    return replace(cursor, at=None) if cursor else None
