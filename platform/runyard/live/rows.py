"""Rows that changed are drawn once for all who look at the same, and sent to them.

A class: the same rights, the same projects, the same query, the same columns. It has a feed while somebody is
in it. At each drawing everybody's rights are asked of the database again; who has others by then gets nothing
of it, and has to be put where they belong. Call everything on the event loop, but `_draw`.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import connection, transaction

from runyard.live.audience import Ear, Telling
from runyard.live.hints import ALL, MOST_MERGED, Hint, Rows
from runyard.live.hub import Hub, hub
from runyard.live.looks import Edges, Look, Unfit
from runyard.live.topics import Subscription, workload_hints
from runyard.tenancy.access import rights_of
from runyard.tenancy.models import User
from workloads.views import changed

log = logging.getLogger(__name__)
TOPIC = "workloads"
APART_SECONDS, TALLY_SECONDS = 0.15, 1.0
MOST_FEEDS, AT_A_TIME = 50, 2  # of one process
MOST_CHANGED, MOST_DRAWN, MOST_EDGES = 5_000, 200, 10  # of one drawing
TOO_MANY = "Too many different views are open; changed rows are named, not sent."


@dataclass(frozen=True, slots=True)
class Class:
    """What all who are sent the same rows have in common."""

    may: Subscription
    look: Look


class Viewer:
    """One socket that looks at the table. `moved` is called when its rights are not what they were."""

    def __init__(self, person: int, ear: Ear, moved: Callable[[], None]):
        self.person, self.ear, self.moved = person, ear, moved
        self.shown: frozenset[int] = frozenset()
        self.edges: Edges = (None, None)
        self._feed: RowsFeed | None = None

    def see(self, may: Subscription, look: Look, shown: frozenset[int], edges: Edges) -> None:
        """From now on be sent the rows of `look` that change. Raises Unfit."""
        feed = _feeds().of(Class(may, look))
        if feed is not self._feed:
            self.leave()
        self._feed, self.shown, self.edges = feed, shown, edges
        feed.welcome(self)

    def leave(self) -> None:
        if self._feed is not None:
            self._feed.part(self)
            self._feed = None


@dataclass
class Work:
    """What is to be drawn: `here` for all, and for each pair of edges the `others` that may come between."""

    people: frozenset[int]
    here: list[int]
    others: dict[Edges, list[int]]
    tally: bool


@dataclass
class Drawn:
    """`moved`: people who must not be sent it."""

    moved: frozenset[int]
    html: str = ""
    entering: dict[Edges, set[int]] = field(default_factory=dict)


class RowsFeed:
    """The feed of one class."""

    def __init__(self, feeds: "Feeds", of: Class):
        self._feeds, self._class = feeds, of
        self._viewers: set[Viewer] = set()
        self._changed: set[int] = set()
        self._too_many = self._tally_owed = False
        self._tally_at = 0.0
        self._working: asyncio.Task[None] | None = None
        self._telling = Telling()
        for topic in of.may.hints:
            feeds.hub.listen(topic, self.hear)

    def welcome(self, viewer: Viewer) -> None:
        """It is new, or shows other rows; what changed while those were on their way may have been missed."""
        self._viewers.add(viewer)
        for topic, payload in self._feeds.hub.recent(self._class.may.hints):
            self.hear(topic, payload)

    def part(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers:
            self._feeds.close(self._class)
            for topic in self._class.may.hints:
                self._feeds.hub.leave(topic, self.hear)

    def hear(self, _: str, payload: Any) -> None:
        """A listener of the hub. Raises TypeError, ValueError for what is no hint."""
        self._changed.update(map(int, payload))
        if len(self._changed) > MOST_CHANGED:
            self._too_many = True
            self._changed.clear()
        if self._working is None or self._working.done():
            self._working = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        """Until nothing is left; rests as long as a drawing took, so that a busy server draws less often."""
        clock = asyncio.get_running_loop().time
        while self._viewers and (self._changed or self._too_many or self._tally_owed):
            began = clock()
            if self._too_many:
                self._too_many = False
                await self._telling.tell([one.ear for one in self._viewers], Hint(TOPIC, ALL))
            else:
                await self._draw_and_tell(tally=began >= self._tally_at)
            took = clock() - began
            await asyncio.sleep(max(APART_SECONDS - took, took))

    async def _draw_and_tell(self, tally: bool) -> None:
        told, self._changed, self._tally_owed = self._changed, set(), not tally
        groups: dict[Edges, list[Viewer]] = defaultdict(list)
        for one in self._viewers:
            groups[one.edges].append(one)
        for edges in [*groups][MOST_EDGES:]:
            await self._name(told, groups.pop(edges))
        work = self._plan(told, groups, tally)
        if not (work.here or work.tally or any(work.others.values())):
            return
        try:
            async with self._feeds.pencils:
                drawn = await database_sync_to_async(_draw, thread_sensitive=False)(self._class, work)
        except Exception:
            log.exception("rows are not drawn; pages are told to fetch them")
            await self._name(told, self._viewers)
            return
        self._move(drawn.moved)
        if tally:
            self._tally_at = asyncio.get_running_loop().time() + TALLY_SECONDS
        await self._tell(drawn, groups)

    def _plan(self, told: set[int], groups: dict[Edges, list[Viewer]], tally: bool) -> Work:
        """Rows that are too many for one drawing wait for the next."""
        viewers = [one for group in groups.values() for one in group]
        here = sorted(told & frozenset[int]().union(*(one.shown for one in viewers)))
        self._changed.update(here[MOST_DRAWN:])
        others = {edges: sorted(told - _common(group)) for edges, group in groups.items()}
        return Work(frozenset(one.person for one in viewers), here[:MOST_DRAWN], others, tally)

    async def _name(self, changed: set[int], viewers: Collection[Viewer]) -> None:
        """Only say which rows changed: these pages fetch."""
        hint = Hint(TOPIC, frozenset(changed) if len(changed) <= MOST_MERGED else ALL)
        await self._telling.tell([one.ear for one in viewers], hint)

    def _move(self, people: frozenset[int]) -> None:
        for one in [one for one in self._viewers if one.person in people]:
            one.leave()
            one.moved()

    async def _tell(self, drawn: Drawn, groups: dict[Edges, list[Viewer]]) -> None:
        """One frame, encoded once, for all; another one for those into whose rows others come."""
        ears: dict[frozenset[int], list[Ear]] = defaultdict(list)
        for edges, group in groups.items():
            for one in group:
                if one in self._viewers:
                    ears[frozenset(drawn.entering.get(edges, ())) - one.shown].append(one.ear)
        for entering, those in ears.items():
            if drawn.html or entering:
                await self._telling.tell(those, Rows(TOPIC, (drawn.html, entering)))


def _common(viewers: list[Viewer]) -> frozenset[int]:
    """The rows that all of them show."""
    return viewers[0].shown.intersection(*(one.shown for one in viewers[1:]))


def _draw(of: Class, work: Work) -> Drawn:
    """In a thread. One snapshot of the database for rights and rows: nothing is drawn by other rights."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        now = rights_of(work.people)
        moved = frozenset(pk for pk in work.people if now.get(pk) != of.may.rights)
        if moved == work.people:
            return Drawn(moved)
        user = User.objects.get(pk=min(work.people - moved))
        if workload_hints(user) != of.may.hints:
            return Drawn(work.people)
        view = of.look.view()
        entering = {
            edges: changed.entering(user, of.look.view(edges), others)
            for edges, others in work.others.items()
            if others
        }
        html = changed.draw(user, view, work.here, tally=work.tally) if work.here or work.tally else ""
        return Drawn(moved, html, entering)


class Feeds:
    """The feeds of one hub, by class."""

    def __init__(self, source: Hub):
        self.hub, self._by_class = source, dict[Class, RowsFeed]()
        self.pencils = asyncio.Semaphore(AT_A_TIME)

    def of(self, wanted: Class) -> RowsFeed:
        """Raises Unfit when there are too many."""
        if wanted not in self._by_class:
            if len(self._by_class) >= MOST_FEEDS:
                raise Unfit(TOO_MANY)
            self._by_class[wanted] = RowsFeed(self, wanted)
        return self._by_class[wanted]

    def close(self, of: Class) -> None:
        self._by_class.pop(of, None)


_by_hub: "WeakKeyDictionary[Hub, Feeds]" = WeakKeyDictionary()


def _feeds() -> Feeds:
    found = _by_hub.get(hub())
    if found is None:
        found = _by_hub[hub()] = Feeds(hub())
    return found
