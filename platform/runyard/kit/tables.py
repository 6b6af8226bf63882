"""A table is one declaration: its columns, filters and rows; from it come the SELECT, sort, search and pages.

Knows no domain: an app declares a Table, a view calls `page` or `again`, templates/kit/table.html draws it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from runyard.kit.columns import Column
from runyard.kit.keyset import BadCursor, Cursor, beyond, in_order

PAGE_SIZE, COUNTED, LONGEST_TEXT = 50, 1000, 200
_OWN = ("q", "sort", "after", "before")


class BadQuery(ValueError):
    """The URL asks for what this table does not have; the message says what, in words."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`?param=value` keeps rows whose `of` equals one of the values given; `choices` are all it can be."""

    label: str
    of: str
    choices: tuple[str, ...] = ()

    def condition(self, values: list[str]) -> Q:
        for value in values:
            if self.choices and value not in self.choices:
                raise BadQuery(
                    f"There is no {self.label} “{value[:40]}”; there is {', '.join(self.choices)}."
                )
        return Q(**{f"{self.of}__in": values})


@dataclass
class Page:
    """What one page shows. With `problem` set nothing was asked of the database and `rows` is empty."""

    rows: list[Any] = field(default_factory=list)
    sort: str = ""
    total: int = 0
    more_than_counted: bool = False
    after: str = ""  # cursor of the next page; empty on the last
    before: str = ""  # cursor of the previous page; empty on the first
    problem: str = ""

    @property
    def total_words(self) -> str:
        return f"{COUNTED:,}+" if self.more_than_counted else f"{self.total:,}"

    @property
    def sort_key(self) -> str:
        return self.sort.lstrip("-")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")


@dataclass(frozen=True)
class Query:
    """A table's query string, checked: reading it raises BadQuery, using it does not."""

    where: Q
    sort: str
    column: Column
    after: Cursor | None = None
    before: Cursor | None = None

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")


class Table:
    """Subclass, and declare `rows`, `default_sort`, `filters` and one attribute per column."""

    rows: ClassVar[Callable[[Any], QuerySet[Any]]]  # (user) -> what they may see: the only way in
    default_sort: ClassVar[str]
    always: ClassVar[tuple[str, ...]] = ()  # fields read of every row, whatever columns are shown
    searched: ClassVar[str]  # a field that holds, upper-cased, the words free text looks for
    filters: ClassVar[dict[str, Filter]] = {}
    columns: ClassVar[dict[str, Column]] = {}

    def __init_subclass__(cls) -> None:
        cls.columns = {name: item for name, item in vars(cls).items() if isinstance(item, Column)}

    @classmethod
    def page(cls, user: Any, params: QueryDict) -> Page:
        """At most PAGE_SIZE rows of what `user` may see and `params` asks for."""
        try:
            query = cls.read(params)
        except BadQuery as problem:
            return Page(sort=cls.default_sort, problem=str(problem))
        matching = cls.matching(user, query)
        counted = matching.order_by()[: COUNTED + 1].count()
        page = Page(sort=query.sort, total=min(counted, COUNTED), more_than_counted=counted > COUNTED)
        return cls._turn_to(page, query, matching)

    @classmethod
    def again(cls, user: Any, params: QueryDict, ids: Iterable[int]) -> tuple[list[Any], set[int]]:
        """Of the rows `ids`: those that match `params`, and the ids of those still there, match or not."""
        query = cls.read(params)
        wanted = list(ids)
        matching = list(cls._selected(cls.matching(user, query).filter(pk__in=wanted)))
        there = set(cls._visible(user).filter(pk__in=wanted).values_list("pk", flat=True))
        return matching, there

    @classmethod
    def read(cls, params: QueryDict) -> Query:
        """The query that `params` stands for. Raises BadQuery naming the first thing that is wrong."""
        for name, values in params.lists():
            if name not in _OWN and name not in cls.filters:
                raise BadQuery(f"This table cannot be filtered by “{name[:40]}”.")
            if any("\0" in value or len(value) > 4 * LONGEST_TEXT for value in values):
                raise BadQuery(f"“{name[:40]}” holds what no row can: a NUL or a very long text.")
        sort = params.get("sort") or cls.default_sort
        column = cls.columns.get(sort.removeprefix("-"))
        if column is None or not column.sortable:
            raise BadQuery(f"This table cannot be sorted by “{sort.removeprefix('-')[:40]}”.")
        after, before = (cls._cursor(params.get(name), sort) for name in ("after", "before"))
        return Query(cls._where(params), sort, column, after, before)

    @classmethod
    def matching(cls, user: Any, query: Query) -> QuerySet[Any]:
        """The rows `query` keeps, of those `user` may see; unsorted."""
        return cls._visible(user).filter(query.where)

    @classmethod
    def _visible(cls, user: Any) -> QuerySet[Any]:
        return cls.rows(user).select_related(None).order_by()

    @classmethod
    def _selected(cls, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Only the columns that are drawn, and only the joins those need."""
        fields = {*cls.always, *(path for column in cls.columns.values() for path in column.needs)}
        joins = sorted({path.rsplit("__", 1)[0] for path in fields if "__" in path})
        return rows.select_related(*joins).only(*fields) if joins else rows.only(*fields)

    @classmethod
    def _where(cls, params: QueryDict) -> Q:
        where = Q()
        for name, kept in cls.filters.items():
            if values := [value for value in params.getlist(name) if value]:
                where &= kept.condition(values)
        text = params.get("q", "")
        if len(text) > LONGEST_TEXT:
            raise BadQuery(f"Search for at most {LONGEST_TEXT} characters.")
        for word in text.upper().split():
            where &= Q(**{f"{cls.searched}__contains": word})
        return where

    @classmethod
    def _cursor(cls, text: str | None, sort: str) -> Cursor | None:
        try:
            return Cursor.load(text, sort) if text else None
        except BadCursor:
            raise BadQuery("This link to a page of the table is not valid any more.") from None

    @classmethod
    def _turn_to(cls, page: Page, query: Query, matching: QuerySet[Any]) -> Page:
        """Fill `page` with the rows after or before its cursor; one more is read to see whether it ends."""
        backwards = query.before is not None
        descending = query.descending != backwards
        rows: QuerySet[Model] = cls._selected(matching).annotate(sort_key=query.column.order())
        if cursor := query.before or query.after:
            rows = beyond(rows, cursor, descending)
        found: list[Any] = list(in_order(rows, descending)[: PAGE_SIZE + 1])
        further, page.rows = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
        if backwards:
            page.rows.reverse()
        if page.rows and (further or backwards):
            page.after = cls._cursor_of(page.rows[-1], query.sort)
        if page.rows and (query.after or (backwards and further)):
            page.before = cls._cursor_of(page.rows[0], query.sort)
        return page

    @staticmethod
    def _cursor_of(row: Any, sort: str) -> str:
        return Cursor(sort, row.sort_key, row.pk).dump()
