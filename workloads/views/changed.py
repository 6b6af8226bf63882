"""The rows of the table that changed, drawn: the one place that does, for whoever keeps a table true.

The view `rows` draws for the one page that asks; `runyard.live` draws once for all who look at the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse

from runyard.kit.layout import Layout
from runyard.kit.tables import Query
from workloads import queries
from workloads.availability import Availability
from workloads.models import Workload
from workloads.tables import TALLY, Tile, WorkloadTable
from workloads.tools import load

MOST_ROWS = 100  # of one table that a browser holds
_NOT_COUNTED_BY = ("phase", "sort", "columns", "after", "before")


@dataclass(frozen=True)
class View:
    """What a table shows: `params` of its address, and what they come to with the columns that are drawn."""

    params: QueryDict
    query: Query

    @classmethod
    def read(cls, params: QueryDict, drawn: str = "", saved: Any = None) -> "View":
        """`drawn`: the keys of the columns, whatever was chosen elsewhere meanwhile. Raises BadQuery."""
        layout = Layout.read(WorkloadTable.columns, drawn or params.get("columns"), saved)
        return cls(params, replace(WorkloadTable.read(params), layout=layout))

    @property
    def ticks(self) -> bool:
        """Whether rows move as time goes by: their places compare only as of the same moment."""
        return any(key.column.grows for key in self.query.sort.keys)


def draw(user: Any, view: View, ids: Sequence[int], entering: Iterable[int] = (), tally: bool = True) -> str:
    """HTML of the rows `ids`, as `user` may see them; those that no longer match, or are gone, say so."""
    found, there = WorkloadTable.again(user, view.query, ids)
    matching = {row.pk for row in found}
    context = {
        "layout": view.query.layout,
        "found": found,
        "row_data": row_data(user),
        "hidden": [pk for pk in ids if pk in there and pk not in matching],
        "gone": [pk for pk in ids if pk not in there],
        "entering": sorted(entering),
        "params": view.params,
        **(tally_of(user, view.params) if tally else {"tally": None}),
    }
    return render_to_string("workloads/rows.html", context)


def entering(user: Any, view: View, others: Sequence[int]) -> set[int]:
    """Of the rows `others`, those that come between the view's cursors `after` and `before`."""
    return WorkloadTable.entering(user, view.query, others) if others else set()


def row_data(user: Any) -> Any:
    """What scripts read from a row: why each action cannot be used, and the doors of its tools."""
    availability = Availability(user)

    def data(row: Workload) -> dict[str, Any]:
        why = {verb: why.short for verb, why in availability.why_not(row).items() if why}
        if not row.tools:
            return {"name": row.name, "why": why}
        if refused := availability.connect(row):
            why["connect"] = refused.short
        doors = [
            (tool.title, reverse("workload-connect", args=[row.pk, tool.name])) for tool in load(row.tools)
        ]
        return {"name": row.name, "why": why, "tools": doors}

    return data


def tally_of(user: Any, params: QueryDict) -> dict[str, Any]:
    """How many rows match, and how many, the status filter aside, are in each group of phases."""
    without_phase = params.copy()
    for name in _NOT_COUNTED_BY:
        without_phase.pop(name, None)
    query = WorkloadTable.read(without_phase)
    narrowed = WorkloadTable.matching(user, query) if query.where else None
    by_phase = queries.all_by_phase(user) if narrowed is None else queries.by_phase(narrowed)
    chosen = [phase for phase in params.getlist("phase") if phase]
    return {
        "tally": [Tile.of(group, by_phase, chosen) for group in TALLY],
        "all_count": sum(count for count, _ in by_phase.values()),
        "matching": sum(count for phase, (count, _) in by_phase.items() if not chosen or phase in chosen),
    }
