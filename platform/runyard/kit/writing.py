"""Writes columns of many rows in one statement whose cost grows with the rows alone.

Django's `bulk_update` builds one CASE for each row and column, which costs more than the writing itself.
"""

from collections.abc import Iterable, Sequence

import msgspec
from django.db import connection
from django.db.models import Model


def write_columns(rows: Sequence[Model], columns: Iterable[str]) -> None:
    """Write `columns` (names of fields) of `rows`: rows that are there, of one model, locked by the caller.

    Values are plain ones, no expressions; PostgreSQL reads them from JSON by the types of its own columns.
    """
    if not rows:
        return
    meta, name = rows[0]._meta, connection.ops.quote_name
    written = set(columns)
    attributes = {str(f.column): f.attname for f in meta.concrete_fields if f.name in written}
    pk, table = str(meta.pk.column), name(meta.db_table)
    values = [{pk: row.pk} | {c: getattr(row, a) for c, a in attributes.items()} for row in rows]
    changes = ", ".join(f"{name(column)} = new.{name(column)}" for column in attributes)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {changes} FROM json_populate_recordset(NULL::{table}, %s::json) AS new "  # noqa: S608
            f"WHERE {table}.{name(pk)} = new.{name(pk)}",
            [msgspec.json.encode(values).decode()],
        )
