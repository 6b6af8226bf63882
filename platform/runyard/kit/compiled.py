"""Queries that every page asks, their SQL written once a process and not once a request.

Django takes several times as long to write such a query, and to make instances of its rows, as PostgreSQL to
answer it. For queries that are the same for equal arguments; a table's, which its address decides, are not.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

from runyard.kit.rows import Shape


def compiled(*paths: str) -> Callable[[Callable[..., QuerySet[Any]]], Callable[..., list[Any]]]:
    """Decorates what makes a queryset; what is then called gives its rows, read anew each time.

    The rows hold the fields at `paths`, as those of `kit.rows.narrow`; without any, they are the tuples of a
    `values_list`. All that decides the query, and whose rows it gives above all, has to be an argument, and
    hashable.
    """

    def decorate(make: Callable[..., QuerySet[Any]]) -> Callable[..., list[Any]]:
        @lru_cache(1000)
        def written(*arguments: Any) -> _Statement:
            return _Statement(make(*arguments), paths)

        @wraps(make)
        def read(*arguments: Any) -> list[Any]:
            rows = written(*arguments)
            if not paths:
                return rows.values()
            shape = Shape(rows.model, paths, rows.db)
            return [shape.made(values) for values in rows.values()]

        return read

    return decorate


class _Statement:
    """The SQL of one queryset, and what makes Python's values of PostgreSQL's."""

    def __init__(self, rows: QuerySet[Any], paths: Sequence[str]) -> None:
        self.model, self.db = rows.model, rows.db
        if paths:
            rows = rows.values_list(*Shape(rows.model, paths, rows.db).columns)
        compiler = rows.query.get_compiler(rows.db)
        try:
            self._sql, self._params = compiler.as_sql()
        except EmptyResultSet:  # Django found out by itself that there are none
            self._sql = ""
        else:
            self._converters = compiler.get_converters([column for column, *_ in compiler.select])

    def values(self) -> list[Sequence[Any]]:
        if not self._sql:
            return []
        connection = connections[self.db]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, self._params)
            found = cursor.fetchall()
        for place, (converters, column) in self._converters.items():
            for convert in converters:
                found = [
                    (*row[:place], convert(row[place], column, connection), *row[place + 1 :])
                    for row in found
                ]
        return found
