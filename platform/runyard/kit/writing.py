"""Writes columns of many rows in one statement whose cost grows with the rows alone.

Django's `bulk_update` builds one CASE for each row and column, which costs more than the writing itself.
"""

from collections.abc import Iterable, Sequence

import msgspec
from django.db import connection
from django.db.models import Model


def write_columns(rows: Sequence[Model], columns: Iterable[str]) -> None:
    """Write `columns` (names of fields) of `rows`, which are there, all of one model, and locked by the caller.

    Values are plain ones, no expressions; PostgreSQL reads them from JSON by the types of its own columns.
    """
    if not rows:
        return
    meta, name = rows[0]._meta, connection.ops.quote_name
    fields = [meta.get_field(column) for column in columns]
    values = [{meta.pk.column: row.pk} | {f.column: getattr(row, f.attname) for f in fields} for row in rows]
    changes = ", ".join(f"{name(f.column)} = new.{name(f.column)}" for f in fields)
    table, pk = name(meta.db_table), name(meta.pk.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {changes} FROM json_populate_recordset(NULL::{table}, %s::json) AS new "  # noqa: S608
            f"WHERE {table}.{pk} = new.{pk}",
            [msgspec.json.encode(values).decode()],
        )
