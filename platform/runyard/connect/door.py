"""Who may pass, and whereto: remembered for seconds, so that a page of many files asks the database once.

`Door` is shared by all requests of a process, on its event loop.
"""

import asyncio
from dataclasses import dataclass
from math import inf
from time import monotonic

from runyard.connect import targets, visits
from runyard.connect.asking import asked
from runyard.connect.hosts import Place
from runyard.connect.targets import Target
from runyard.tenancy.access import Denied

#: A name may soon be that of another pod; its own address is looked up for each connection.
REMEMBERED_SECONDS, BY_NAME_SECONDS, MOST = 10.0, 2.0, 10_000


@dataclass(frozen=True, slots=True)
class Pass:
    """A visit of the user `person` that holds, and where it leads; `until` is on the clock of `monotonic`."""

    target: Target
    person: int
    until: float = inf


class Door:
    """Asks once for all who stand before it with the same cookie."""

    def __init__(self) -> None:
        self._passes: dict[tuple[str, Place], Pass] = {}
        self._asking: dict[tuple[str, Place], asyncio.Task[Pass]] = {}

    async def open(self, cookie: str, place: Place) -> Pass:
        """Where `cookie` may go, and whose it is. Raises Denied and NotReady."""
        key = (cookie, place)
        known = self._passes.get(key)
        if known and known.until > monotonic():
            return known
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(cookie, place))
            task.add_done_callback(lambda done: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def check(self, cookie: str, place: Place) -> None:
        """Raises Denied unless the visit holds now, and NotReady. Its cluster, maybe silent, is not asked."""
        try:
            await asked(visits.guest, cookie, place)
        except Denied:
            self.forget(cookie, place)
            raise

    def forget(self, cookie: str, place: Place) -> None:
        """What was known proved wrong: ask again."""
        self._passes.pop((cookie, place), None)

    async def _ask(self, cookie: str, place: Place) -> Pass:
        self._passes.pop((cookie, place), None)
        target, person = await asked(_ask, cookie, place)
        if len(self._passes) >= MOST:
            self._passes.clear()
        seconds = REMEMBERED_SECONDS if target.direct else BY_NAME_SECONDS
        found = self._passes[cookie, place] = Pass(target, person, monotonic() + seconds)
        return found


def _ask(cookie: str, place: Place) -> tuple[Target, int]:
    guest = visits.guest(cookie, place)
    return targets.target_of(place), guest.user.pk
