"""Reads and makes many rows of a model at a fraction of what it costs by Django's own: half of `writing`.

psycopg's C code makes the values, which go into the instances as they are: for rows that are soon compared
and written again, thousands at a time. `column__among=[...]` finds them: one parameter, however many values.
"""

from collections.abc import Callable, Collection, Iterable
from functools import cache
from itertools import compress
from operator import is_not
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, Lookup, Model, QuerySet
from django.db.models.base import ModelState
from psycopg.adapt import Loader
from psycopg.types.datetime import TimestamptzLoader

M = TypeVar("M", bound=Model)


def load(rows: QuerySet[M], without: Collection[str] = ()) -> list[M]:
    """`rows` with their columns, times in UTC; nothing may be joined or annotated.

    Those `without` cost a query each when they are used after all.
    """
    try:
        statement = rows.defer(*without).query.sql_with_params()
    except EmptyResultSet:  # Django knows, of a condition that nothing can meet
        return []
    names = [field.attname for field in rows.model._meta.concrete_fields if field.name not in without]
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        cursor.adapters.register_loader("jsonb", _Json)
        cursor.execute(*statement)
        return [_instance(rows.model, dict(zip(names, values, strict=True))) for values in cursor.fetchall()]


def fresh(model: type[M], **columns: Any) -> M:
    """`model(**columns)`, of attributes of columns alone, without what Django's own making costs."""
    row, (values, makers) = model.__new__(model), _defaults(model)
    vars(row).update(values, _state=ModelState(), **columns)
    vars(row).update({name: make() for name, make in makers.items() if name not in columns})
    return row


@cache
def _defaults(model: type[Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """Attribute -> its default, and -> what makes it for each row."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    made = {name: field.default for name, field in fields.items() if field.has_default()}
    makers = {name: default for name, default in made.items() if callable(default)}
    return {name: field.get_default() for name, field in fields.items() if name not in makers}, makers


class _State(ModelState):
    """Remembers the columns as they were read: whoever changes one gives it another value."""

    adding, db = False, DEFAULT_DB_ALIAS

    def __init__(self, read: dict[str, Any]):
        self.read = read


def _instance(model: type[M], columns: dict[str, Any]) -> M:
    row = model.__new__(model)
    vars(row).update(columns, _state=_State(columns))
    return row


def changed_columns(row: Model) -> set[str]:
    """Attributes of columns in which `row`, which `load` read, is another than it was then."""
    now, state = vars(row), row._state
    assert isinstance(state, _State), f"{row!r} was not read by load"
    # Both dicts begin with the same names, and a dict keeps its order: most are told to be the same in C.
    others = compress(state.read, map(is_not, state.read.values(), now.values()))
    return {name for name in others if now[name] != state.read[name]}


class _Json(Loader):
    load = staticmethod(msgspec.json.decode)  # type: ignore[assignment]


@Field.register_lookup
class Among(Lookup):
    """`IN` of texts or numbers, whose cost for each value is next to nothing: psycopg, given a list, quotes
    each by itself."""

    lookup_name, prepare_rhs = "among", False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*params, _array(self.rhs))


def _array(values: Iterable[object]) -> str:
    """As PostgreSQL reads one; None is equal to nothing."""
    texts = [str(value) for value in values if value is not None]
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return '{"' + '","'.join(quoted) + '"}' if quoted else "{}"
