"""What every controller here is: events in, keys of work out, one key at a time.

A controller says in `keys` what an event makes it look at, and in `reconcile` what to do about one key, from
the registry's present state alone. So an event may be late, doubled or merged with others, and a start is
just another look at everything.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from localcluster.kinds.definitions import KEY as DEFINITIONS
from localcluster.status import ApiError
from localcluster.watches import Event

if TYPE_CHECKING:
    from localcluster.registry import Registry

log = logging.getLogger(__name__)
Obj = dict[str, Any]
FOREVER = 86_400.0  # a look once a day at nothing
RETRY_SECONDS = (0.05, 0.5, 5.0, 30.0)


class Controller:
    """Runs from `start` to `stop`; a key whose work fails is tried again later and never stops the others."""

    resources: ClassVar[tuple[str, ...]] = ()
    custom: ClassVar[bool] = False  # whether it looks after custom resources as well

    def __init__(self, registry: "Registry") -> None:
        self.registry = registry
        self._due: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._wake = asyncio.Event()
        self._failures: dict[Hashable, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._added = 0

    def keys(self, event: Any) -> Iterable[Hashable]:
        """What to look at because of `event`."""
        raise NotImplementedError

    def reconcile(self, key: Any) -> float | None:
        """Brings one key in order; seconds until it wants to be looked at again, or None."""
        raise NotImplementedError

    def start(self) -> None:
        more = (DEFINITIONS,) if self.custom and DEFINITIONS not in self.resources else ()
        self._subscription = self.registry.subscribe(*self.resources, *more)
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._work())]

    async def stop(self) -> None:
        self._subscription.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, key: Hashable, after: float = 0.0) -> None:
        """Asks for a look at `key` in `after` seconds; the earliest wish for a key counts."""
        due = time.monotonic() + after
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._added += 1
            heapq.heappush(self._heap, (due, self._added, key))
            self._wake.set()

    async def _listen(self) -> None:
        async for event in self._subscription:
            try:
                for one in (event, *self._defined(event)):
                    for key in self.keys(one):
                        self.add(key)
            except Exception:
                log.exception("%s: cannot read an event", type(self).__name__)

    def _defined(self, event: Event) -> list[Event]:
        """Follows what `event` defines; what there is of it already."""
        if not self.custom or event.resource != DEFINITIONS or event.type != "ADDED":
            return []
        resource = event.object["metadata"]["name"]
        self._subscription.include(resource)
        try:
            return [Event("ADDED", resource, obj, None) for obj in self.registry.list(resource)]
        except ApiError:  # its definition is gone again
            return []

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            key = self._next_key()
            if key is None:
                await self._sleep()
                continue
            self._do(key)
            await asyncio.sleep(0)

    def _next_key(self) -> Hashable | None:
        """The key that is due, taken off the list; None when none is."""
        while self._heap and self._heap[0][0] <= time.monotonic():
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:  # else an earlier wish has been granted since
                del self._due[key]
                return key
        return None

    async def _sleep(self) -> None:
        """Until something is added, or the next key is due."""
        left = self._heap[0][0] - time.monotonic() if self._heap else FOREVER
        timer = asyncio.get_running_loop().call_later(max(left, 0.0), self._wake.set)
        try:
            await self._wake.wait()  # not wait_for: it may swallow the cancellation that stops this task
        finally:
            timer.cancel()

    def _do(self, key: Hashable) -> None:
        try:
            again = self.reconcile(key)
        except Exception as error:
            if not isinstance(error, ApiError):
                log.exception("%s: %s failed", type(self).__name__, key)
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            again = RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1]
        else:
            self._failures.pop(key, None)
        if again is not None:
            self.add(key, again)


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference that says controller: true."""
    return next((one for one in obj["metadata"].get("ownerReferences") or [] if one.get("controller")), None)
