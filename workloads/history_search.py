"""How far one look through a long history goes, so that a search costs the same however long it is.

What is looked for is sought among the newest LOOKED rows, in the order of time. Where that fills no page, an
index is asked whether only few of all rows hold it, and which. For `history` alone.
"""

import re
from functools import reduce
from operator import and_
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.models import QuerySet

from workloads.history_sources import ORDER, Source

LOOKED, RARE, PATIENCE_SECONDS = 10_000, 500, 1.0
#: Where a row stands: its columns ORDER. The greater, the newer.
Rank = tuple[Any, ...]
_CANCELED = "57014"


def end_of_look(source: Source, rows: QuerySet[Any]) -> Rank | None:
    """Where the last of the newest LOOKED of `rows` stands; None where there are no more than those."""
    ordered = rows.annotate(**source.order()).order_by(f"-{source.at}", "-pk")
    ranks = list(ordered.values_list(*(f"h_{name}" for name in ORDER))[LOOKED - 1 : LOOKED + 1])
    return ranks[0] if len(ranks) > 1 else None


def few(source: Source, rows: QuerySet[Any], text: str) -> list[int] | None:
    """The keys of those of `rows` that hold `text`; None where that is more than RARE, or takes too long."""
    words = text.lower().split()
    if source.indexed is None or not any(re.search(r"\w{3}", word) for word in words):
        return None
    rows = rows.filter(reduce(and_, map(source.indexed, words))).order_by()
    try:
        with transaction.atomic(rows.db), connections[rows.db].cursor() as cursor:
            for name in ("enable_seqscan", "enable_indexscan"):  # the index of words is read as a bitmap
                cursor.execute("SELECT set_config(%s, 'off', true)", [name])
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_SECONDS}s"])
            found = list(rows.values_list("pk", flat=True)[: RARE + 1])
            transaction.set_rollback(True, rows.db)  # a caller's own transaction goes on as it was
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _CANCELED:
            raise
        return None
    return found if len(found) <= RARE else None
