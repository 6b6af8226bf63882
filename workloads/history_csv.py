"""The history of a workload as a file: every row that is asked for, in the order of the page. docs/csv.md."""

from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from runyard.kit import plain
from runyard.kit.csv import Export, Statement
from workloads import history
from workloads.history_sources import ORDER, Source
from workloads.models import Workload

HEADERS = (
    "Time (UTC)", "Type", "What", "Details", "Source", "Kind", "Name", "Count", "First (UTC)", "Last (UTC)",
)  # fmt: skip
_TEXTS = ("title", "words", "source", "about_kind", "about")


def history_csv(user: Any, workload: Workload, wanted: history.Wanted) -> Export:
    """All that `wanted` keeps, whatever page it asks for."""
    found = [_filed(source, rows) for source, rows in history.matching(user, workload, wanted)]
    return Export(HEADERS, _statement(found), workload._state.db or "default")


def _filed(source: Source, rows: QuerySet[Any]) -> QuerySet[Any]:
    cells = [plain.moment(source.order()["h_at"]), source.value("type")]
    cells += [plain.text(source.value(name)) for name in _TEXTS]
    cells += [
        Cast(source.value("times"), TextField()),
        *(plain.moment(source.value(n)) for n in ("first_at", "last_at")),
    ]
    named = {f"c_{i}": cell for i, cell in enumerate(cells)}
    rows = rows.order_by().annotate(**source.order(), **named)
    return rows.values_list(*named, *(f"h_{name}" for name in ORDER))


def _statement(found: list[QuerySet[Any]]) -> Statement | None:
    """Ordered outside the union, so that the columns it is ordered by stay out of the file."""
    if not found:
        return None
    union, params = found[0].union(*found[1:], all=True).query.sql_with_params()
    cells = ", ".join(f"c_{i}" for i in range(len(HEADERS)))
    order = ", ".join(f"h_{name} DESC" for name in ORDER)
    rows = f"SELECT {cells}, NULL FROM ({union}) AS happened ORDER BY {order}"  # noqa: S608 - our own names
    return f"COPY ({rows}) TO STDOUT WITH (FORMAT csv)", params
