"""Writes many rows in one statement whose cost grows with the rows alone.

Django's `bulk_update` and `bulk_create` build an expression for each row and column, which costs more than
the writing itself. Here the rows are one JSON text, read by PostgreSQL by the types of its own columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Model


def write_columns(rows: Sequence[Model], columns: Iterable[str]) -> None:
    """Write `columns` (names of fields) of `rows`: rows that are there, of one model, locked by the caller.

    Values are plain ones, no expressions.
    """
    if rows:
        _update(rows, _attributes(rows[0], set(columns)))


def write_changes(rows: Sequence[Model], before: Mapping[Model, Mapping[str, Any]]) -> None:
    """As `write_columns`, of the columns in which any of `rows` differs from its `vars` of `before`.

    What the statement does not name costs nothing: no value is sent, and no trigger runs for it.
    """
    if rows:
        changed = set().union(*(_differing(vars(row), before[row]) for row in rows))
        _update(rows, {column: name for column, name in _attributes(rows[0]).items() if name in changed})


def _differing(row: Mapping[str, Any], before: Mapping[str, Any]) -> set[str]:
    return {name for name, was in before.items() if row[name] is not was and row[name] != was}


def _update(rows: Sequence[Model], attributes: dict[str, str]) -> None:
    if not attributes:
        return
    pk = str(rows[0]._meta.pk.column)
    table, quoted = _name(rows[0]._meta.db_table), _name(pk)
    changes = ", ".join(f"{column} = new.{column}" for column in map(_name, attributes))
    _execute(
        f"UPDATE {table} SET {changes} FROM {_new(table)} WHERE {table}.{quoted} = new.{quoted}",  # noqa: S608
        [{pk: row.pk} | _values(row, attributes) for row in rows],
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
    _execute(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_new(table)}",  # noqa: S608
        [_values(row, attributes) for row in rows],
    )


def _attributes(row: Model, names: set[str] | None = None) -> dict[str, str]:
    """Column -> attribute, of all fields or of those with these names."""
    fields = [field for field in row._meta.concrete_fields if names is None or field.name in names]
    return {str(field.column): field.attname for field in fields}


def _values(row: Model, attributes: dict[str, str]) -> dict[str, object]:
    return {column: getattr(row, attribute) for column, attribute in attributes.items()}


def _new(table: str) -> str:
    """The rows, as a table like `table`; its argument is the JSON text."""
    return f"json_populate_recordset(NULL::{table}, %s::json) AS new"


def _execute(statement: str, values: list[dict[str, object]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(values).decode()])


def _keys(table: str, column: str, count: int) -> list[int]:
    """As many new keys, in order."""
    statement = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
    with connection.cursor() as cursor:
        cursor.execute(statement, [table, column, count])
        return [key for (key,) in cursor.fetchall()]


def _name(name: str) -> str:
    return connection.ops.quote_name(name)
