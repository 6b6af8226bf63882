"""How many rows match: up to a limit, which is always quick, or exactly, within a time limit."""

from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.models import QuerySet

PATIENCE_SECONDS = 2.0


def count_up_to(rows: QuerySet[Any], most: int) -> int:
    """How many `rows` there are, `most` at most: no more than that are looked at."""
    return rows.order_by()[:most].count()


def count_exactly(rows: QuerySet[Any]) -> int | None:
    """How many `rows` there are; None where the database has not counted them after PATIENCE_SECONDS.

    A caller's own transaction keeps that time limit until it ends.
    """
    connection = connections[rows.db]
    try:
        with transaction.atomic(rows.db), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_SECONDS}s"])
            return rows.order_by().count()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # canceled, as we asked
            raise
        return None
