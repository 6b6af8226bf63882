"""A table is one declaration: its columns, filters and rows; from it come the SELECT, sort, search and pages.

Knows no domain: an app declares a Table, a view calls `page` or `again`, templates/kit/table.html draws it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from runyard.kit.columns import Column
from runyard.kit.conditions import Condition, all_of, read_conditions
from runyard.kit.counting import count_exactly, count_up_to
from runyard.kit.keyset import BadCursor, Cursor, beyond, cursor_of, in_order, keyed, place_of
from runyard.kit.layout import Layout
from runyard.kit.rows import narrow
from runyard.kit.sorting import Sort
from runyard.kit.values import BadQuery

PAGE_SIZE, COUNTED, LONGEST_TEXT = 50, 1000, 200
_OWN = ("q", "f", "sort", "columns", "after", "before", "widths", "view", "count")


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

    sort: Sort
    layout: Layout
    conditions: tuple[Condition, ...] = ()
    rows: list[Any] = field(default_factory=list)
    total: int = 0
    more_than_counted: bool = False
    too_long: bool = False  # counting them all was asked for, and took too long
    after: str = ""  # cursor of the next page; empty on the last
    before: str = ""  # cursor of the previous page; empty on the first
    problem: str = ""

    @property
    def total_words(self) -> str:
        return f"{COUNTED:,}+" if self.more_than_counted else f"{self.total:,}"


@dataclass(frozen=True)
class Query:
    """A table's query string, checked: reading it raises BadQuery, using it does not."""

    where: Q
    sort: Sort
    layout: Layout
    conditions: tuple[Condition, ...] = ()
    after: Cursor | None = None
    before: Cursor | None = None
    exact: bool = False  # whether to count all rows that match, however many
    at: datetime = field(default_factory=timezone.now)  # when what grows with time is looked at


class Table:
    """Subclass, and declare `rows`, `default_sort`, `filters` and one attribute per column."""

    rows: ClassVar[Callable[[Any], QuerySet[Any]]]  # (user) -> what they may see, unsorted: the only way in
    default_sort: ClassVar[str]
    always: ClassVar[tuple[str, ...]] = ()  # fields read of every row, whatever columns are shown
    searched: ClassVar[str]  # a field that holds, upper-cased, the words free text looks for
    filters: ClassVar[dict[str, Filter]] = {}
    columns: ClassVar[dict[str, Column]] = {}

    def __init_subclass__(cls) -> None:
        cls.columns = {name: item for name, item in vars(cls).items() if isinstance(item, Column)}

    @classmethod
    def page(cls, user: Any, params: QueryDict, saved: Any = None, matching: int | None = None) -> Page:
        """At most PAGE_SIZE rows of what `user` may see and `params` asks for; `saved` is a chosen layout.

        `matching`: how many rows match, where that is known already.
        """
        try:
            query = cls.read(params, saved)
            if query.after and query.before:
                raise BadQuery(
                    "A page begins after a row or ends before one: write after= or before=, not both."
                )
        except BadQuery as problem:
            sort, layout = Sort.read(cls.default_sort, cls.columns), Layout.read(cls.columns, None, saved)
            return Page(sort, layout, problem=str(problem))
        page, rows = Page(query.sort, query.layout, query.conditions), cls.matching(user, query)
        cls._count(page, query, rows, matching)
        return cls._turn_to(page, cls.first(cls.rows(user), rows, query, PAGE_SIZE + 1), query)

    @classmethod
    def again(cls, user: Any, query: Query, ids: Iterable[int]) -> tuple[list[Any], set[int]]:
        """Of the rows `ids`: those that match `query`, and the ids of those still there, match or not."""
        wanted = list(ids)
        matching = cls._keyed(cls.matching(user, query).filter(pk__in=wanted), query)
        there = set(cls.rows(user).filter(pk__in=wanted).values_list("pk", flat=True))
        return cls._whole(matching, query), there

    @classmethod
    def entering(cls, user: Any, query: Query, ids: Iterable[int]) -> set[int]:
        """Of the rows `ids`: those that match `query` and stand after its one cursor and before its other."""
        rows = cls._keyed(cls.matching(user, query).filter(pk__in=list(ids)), query)
        down = [key.down for key in query.sort.keys]
        if query.after:
            rows = beyond(rows, query.after, down)
        if query.before:
            rows = beyond(rows, query.before, [not falls for falls in down])
        return set(rows.values_list("pk", flat=True))

    @classmethod
    def read(cls, params: QueryDict, saved: Any = None) -> Query:
        """The query that `params` stands for. Raises BadQuery naming the first thing that is wrong."""
        for name, values in params.lists():
            if name not in _OWN and name not in cls.filters:
                raise BadQuery(f"This table cannot be filtered by “{name[:40]}”.")
            if any("\0" in value for value in values):
                raise BadQuery(f"“{name[:40]}” holds a NUL, which no row does.")
            if any(len(value) > 4 * LONGEST_TEXT for value in values):
                raise BadQuery(f"“{name[:40]}” has more than {4 * LONGEST_TEXT} characters; shorten it.")
        sort = Sort.read(params.get("sort") or cls.default_sort, cls.columns)
        layout = Layout.read(cls.columns, params.get("columns"), saved, params.get("widths"))
        conditions = read_conditions(params.getlist("f"), cls.columns)
        after, before = (cls._cursor(params.get(name), str(sort)) for name in ("after", "before"))
        where, count = cls._where(params) & all_of(conditions), params.get("count", "")
        if count not in ("", "exact"):
            raise BadQuery(f"“count={count[:40]}” is none; write count=exact for the exact number of rows.")
        at = next((cursor.at for cursor in (after, before) if cursor and cursor.at), _this_minute())
        return Query(where, sort, layout, conditions, after, before, count == "exact", at)

    @staticmethod
    def _count(page: Page, query: Query, matching: QuerySet[Any], known: int | None) -> None:
        """Exact if `known`, and up to COUNTED; beyond it where that was asked for and can be done in time."""
        if known is not None:
            page.total = known
            return
        counted = count_up_to(matching, COUNTED + 1)
        page.total, page.more_than_counted = min(counted, COUNTED), counted > COUNTED
        if query.exact and page.more_than_counted:
            total = count_exactly(matching)
            page.total, page.more_than_counted = total or page.total, total is None
            page.too_long = total is None

    @classmethod
    def matching(cls, user: Any, query: Query) -> QuerySet[Any]:
        """The rows `query` keeps, of those `user` may see; unsorted."""
        return cls.rows(user).filter(query.where)

    @classmethod
    def sorted(cls, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        """`rows`, all of them, in the order of `query`."""
        return in_order(cls._keyed(rows, query), [key.down for key in query.sort.keys])

    @classmethod
    def first(cls, every: QuerySet[Any], matching: QuerySet[Any], query: Query, most: int) -> QuerySet[Any]:
        """Of `every` row those of `matching`, at most so many: after the cursor of `query`, or back from it.

        Picked by what they are sorted by alone: to sort 100,000 rows costs half without the rest.
        """
        down = [key.down != bool(query.before) for key in query.sort.keys]
        picked = cls._keyed(matching, query)
        if cursor := query.before or query.after:
            picked = beyond(picked, cursor, down)
        picked = in_order(picked, down)[:most]
        return in_order(cls._keyed(every, query).filter(pk__in=picked.values("pk")), down)

    @classmethod
    def _keyed(cls, rows: QuerySet[Any], query: Query) -> QuerySet[Any]:
        return keyed(rows, [key.column.order(query.at) for key in query.sort.keys])

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
            where &= cls.holds(word)
        return where

    @classmethod
    def holds(cls, word: str) -> Q:
        """The rows in which free text finds `word`, which is upper-cased."""
        return Q(**{f"{cls.searched}__contains": word})

    @classmethod
    def _cursor(cls, text: str | None, sort: str) -> Cursor | None:
        try:
            return Cursor.load(text, sort) if text else None
        except BadCursor:
            raise BadQuery("This place in the table is not valid any more; begin at its top.") from None

    @classmethod
    def _turn_to(cls, page: Page, rows: QuerySet[Any], query: Query) -> Page:
        """Fill `page` with `rows`, of which there is one too many where further ones follow."""
        backwards, found = query.before is not None, cls._whole(rows, query)
        further, page.rows = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
        if backwards:
            page.rows.reverse()
        if page.rows and (further or backwards):
            page.after = cls.cursor(page.rows[-1], query)
        if page.rows and (query.after or (backwards and further)):
            page.before = cls.cursor(page.rows[0], query)
        return page

    @staticmethod
    def cursor(row: Any, query: Query) -> str:
        """Where `row`, one of those that `query` sorted, stands: `after=` or `before=` of another page."""
        return cursor_of(row, str(query.sort), len(query.sort.keys), query.at).dump()

    @classmethod
    def _whole(cls, rows: QuerySet[Any], query: Query) -> list[Any]:
        """The rows, `keyed`, with all that is drawn of them.

        Each has a digest of its place as `place`: whoever draws one can tell that it moved.
        """
        keys = [f"sort_{i}" for i in range(len(query.sort.keys))]
        fields = {*cls.always, *(path for column in query.layout.columns for path in column.needs)}
        found = narrow(rows, fields, keys)
        for row in found:
            row.place = place_of(row, len(keys))
        return found


def _this_minute() -> datetime:
    """Whole, so that rows keep their places for a while although some sort by what grows."""
    return timezone.now().replace(second=0, microsecond=0)
