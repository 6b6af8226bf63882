"""Writes many rows in one statement whose cost grows with the rows alone.

Django's `bulk_update` and `bulk_create` build an expression for each row and column, which costs more than
the writing itself. Here the rows are one JSON text, read by PostgreSQL by the types of their columns. COPY
would read new ones for less, but waits for a client that stands still, whatever its timeouts say.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import attrgetter

import msgspec
from django.db import connection
from django.db.models import Model

from runyard.kit.loading import changed_columns


def write_columns(rows: Sequence[Model], columns: Iterable[str]) -> None:
    """Write `columns` (names of fields) of `rows`: rows that are there, of one model, locked by the caller.

    Values are plain ones, no expressions.
    """
    if rows:
        _update(rows, _attributes(rows[0], set(columns)))


def write_changes(rows: Sequence[Model]) -> None:
    """As `write_columns`, of the columns in which any of `rows`, all read by `load`, is another than then.

    What the statement does not name costs nothing: no value is sent, and no trigger runs for it.
    """
    if rows:
        changed = set().union(*map(changed_columns, rows))
        _update(rows, {column: name for column, name in _attributes(rows[0]).items() if name in changed})


def _update(rows: Sequence[Model], attributes: dict[str, str]) -> None:
    if not attributes:
        return
    pk = rows[0]._meta.pk
    table, key = _name(rows[0]._meta.db_table), _name(str(pk.column))
    changes = ", ".join(f"{column} = new.{column}" for column in map(_name, attributes))
    _execute(
        f"UPDATE {table} SET {changes} FROM {{new}} WHERE {table}.{key} = new.{key}",  # noqa: S608
        rows,
        {str(pk.column): pk.attname, **attributes},
    )


def insert_rows(rows: Sequence[Model]) -> None:
    """Insert `rows`, of one model whose keys the database counts up, and tell them their keys."""
    if not rows:
        return
    meta = rows[0]._meta
    for row, pk in zip(rows, _keys(meta.db_table, str(meta.pk.column), len(rows)), strict=True):
        row.pk, row._state.adding = pk, False
    attributes, table = _attributes(rows[0]), _name(meta.db_table)
    columns = ", ".join(map(_name, attributes))
    _execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {{new}}", rows, attributes)  # noqa: S608


def _attributes(row: Model, names: set[str] | None = None) -> dict[str, str]:
    """Column -> attribute, of all fields or of those with these names."""
    fields = [field for field in row._meta.concrete_fields if names is None or field.name in names]
    return {str(field.column): field.attname for field in fields}


def _execute(statement: str, rows: Sequence[Model], attributes: dict[str, str]) -> None:
    """Run `statement`, in which {new} stands for a table of these columns of `rows`."""
    types = _types(type(rows[0]))
    columns = ", ".join(f"{_name(column)} {types[column]}" for column in attributes)
    values = attrgetter(*attributes.values())
    told = msgspec.json.encode([dict(zip(attributes, values(row), strict=True)) for row in rows])
    with connection.cursor() as cursor:
        new = f"json_to_recordset(%s::json) AS new ({columns})"
        cursor.execute(statement.format(new=new), [told.decode()])


@cache
def _types(model: type[Model]) -> dict[str, str | None]:
    """Column -> its type."""
    return {str(field.column): field.cast_db_type(connection) for field in model._meta.concrete_fields}


def _keys(table: str, column: str, count: int) -> list[int]:
    """As many new keys, in order."""
    statement = (
        "SELECT nextval(sequence) FROM (SELECT pg_get_serial_sequence(%s, %s)::regclass AS sequence OFFSET 0)"
        " AS once, generate_series(1, %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [table, column, count])
        return [key for (key,) in cursor.fetchall()]


def _name(name: str) -> str:
    return connection.ops.quote_name(name)
