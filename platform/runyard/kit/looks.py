"""A look is what a table shows, to be kept and compared: which rows in which order, which columns, how wide.

Knows no domain and no model: `tenancy.saved_views` keeps looks, pages turn them into addresses again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from runyard.kit.tables import Query, Table
from runyard.kit.values import BadQuery

#: Of an address: what is a place in the table, or says which view it came from.
NOT_KEPT = ("view", "after", "before", "count")
LONGEST = 20_000


@dataclass(frozen=True)
class Look:
    """`query` holds filters, search and sort, in one spelling for what means the same; columns are keys."""

    query: str
    columns: tuple[str, ...]
    widths: Mapping[str, int]

    @classmethod
    def of(cls, table: type[Table], params: QueryDict, saved: Any = None) -> "Look":
        """What `table.page` shows for the same arguments. Raises BadQuery as `table.read` does."""
        asked = params.copy()
        for name in NOT_KEPT:
            asked.pop(name, None)
        query = table.read(asked, saved)
        shown = tuple(query.layout.keys)
        widths = {key: width for key, width in query.layout.widths.items() if key in shown}
        return cls(_spelled(table, asked, query).urlencode(), shown, widths)

    @property
    def layout(self) -> dict[str, Any]:
        """What to keep beside `query`."""
        return {"columns": list(self.columns), "widths": dict(self.widths)}

    @property
    def params(self) -> QueryDict:
        """The whole look as parameters of an address, which shows the same to anybody."""
        params = QueryDict(self.query, mutable=True)
        params["columns"] = ",".join(self.columns)
        if self.widths:
            params["widths"] = ",".join(f"{key}:{width}" for key, width in self.widths.items())
        return params

    def shows(self, kept: "Look") -> bool:
        """Whether this is what `kept` asks for: rows, columns, and widths where it has any."""
        return (
            _sorted(self.query) == _sorted(kept.query)
            and self.columns == kept.columns
            and (not kept.widths or dict(self.widths) == dict(kept.widths))
        )


def _sorted(query: str) -> list[tuple[str, list[str]]]:
    """Filters in any order mean the same."""
    return sorted((name, sorted(values)) for name, values in QueryDict(query).lists())


def read_address(text: str) -> QueryDict:
    """The parameters of a query string that was sent or kept. Raises BadQuery for one that is none."""
    try:
        if len(text) <= LONGEST and "\0" not in text:
            return QueryDict(text.removeprefix("?"), mutable=True)
    except (SuspiciousOperation, UnicodeError):
        pass
    raise BadQuery("This is no address of a table, or far too long for one.")


def recall(table: type[Table], query: str, layout: Any) -> tuple[Look, list[str]]:
    """The look that was kept, as far as `table` still has it; and in words what it has not."""
    try:
        params, lost = _still_there(table, read_address(query))
        columns, gone = _still_shown(table, layout)
        return Look.of(table, params, columns), [*lost, *gone]
    except BadQuery as problem:
        return Look.of(table, QueryDict()), [f"everything else: {problem}"]


def _spelled(table: type[Table], params: QueryDict, query: Query) -> QueryDict:
    """The parameters that choose rows and their order, each in one spelling."""
    spelled = QueryDict(mutable=True)
    if words := params.get("q", "").split():
        spelled["q"] = " ".join(words)
    for name in table.filters:
        spelled.setlist(name, list(dict.fromkeys(value for value in params.getlist(name) if value)))
    spelled.setlist("f", list(dict.fromkeys(map(str, query.conditions))))
    spelled["sort"] = str(query.sort)
    return spelled


def _still_there(table: type[Table], params: QueryDict) -> tuple[QueryDict, list[str]]:
    """Each part alone, asked of the table: what reads is kept."""
    kept, lost = QueryDict(mutable=True), []
    sorts = []
    for name, values in params.lists():
        for value in values if name != "sort" else values[-1].split(","):
            try:
                table.read(_only(name, value))
            except BadQuery:
                lost.append(_words(name, value))
                continue
            if name == "sort":
                sorts.append(value)
            else:
                kept.appendlist(name, value)
    if sorts:
        kept["sort"] = ",".join(sorts)
    return kept, lost


def _only(name: str, value: str) -> QueryDict:
    params = QueryDict(mutable=True)
    params[name] = value
    return params


def _words(name: str, value: str) -> str:
    if name == "sort":
        return f"sorting by “{value.removeprefix('-')[:40]}”"
    return f"the filter “{value[:60]}”" if name == "f" else f"the filter “{name[:40]}: {value[:40]}”"


def _still_shown(table: type[Table], layout: Any) -> tuple[dict[str, Any], list[str]]:
    """The columns that are still declared, in order, for `Layout.read`; and those that are not."""
    chosen: Mapping[str, Any] = layout if isinstance(layout, dict) else {}
    keys: Sequence[Any] = chosen["columns"] if isinstance(chosen.get("columns"), list) else []
    there = [key for key in keys if isinstance(key, str) and key in table.columns]
    gone = [f"the column “{str(key)[:40]}”" for key in keys if key not in there]
    return {"columns": there, "widths": chosen.get("widths")}, gone
