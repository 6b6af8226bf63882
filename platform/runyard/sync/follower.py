"""Follows one resource: list, then watch, until told to stop. One thread each.

News goes to the inbox in the order in which it was observed; the runner applies it. After an error the
watch goes on where it was, with back-off; after 410 or damage, where the server was set back meanwhile, and
every ten minutes, it lists again.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from queue import Full, Queue

from runyard.clusters.connection import ApiError, ClusterError
from runyard.clusters.observed import Seen
from runyard.sync.source import Absent, Damaged, Expired, Part, Source
from runyard.sync.store import Store

log = logging.getLogger(__name__)
RELIST_SECONDS = (480.0, 720.0)
Expected = Callable[[], Mapping[str, str]]  # uid -> version
FIRST_WAIT, LONGEST_WAIT, CALM_SECONDS = 0.8, 30.0, 120.0
ABSENT_SECONDS = 60.0  # until one looks again for what the cluster did not have


class Follower:
    """Keeps `store` equal to `source` and puts the news into `inbox`."""

    def __init__(
        self,
        source: Source,
        store: Store,
        inbox: Queue[Seen],
        stop: threading.Event,
        expected: Expected = dict,
    ):
        """`expected`: asked before each list for what must be in it, though no watch told of it."""
        self._source, self._store, self._inbox, self._stop = source, store, inbox, stop
        self._expected = expected
        self._version, self._relist_at = "", 0.0
        self._wait, self._calm_since = FIRST_WAIT, 0.0
        self._hurry, self._shaken = threading.Event(), False
        self.error, self.listed = "", False

    @property
    def resource(self) -> str:
        return self._store.resource

    @property
    def odd(self) -> dict[str, str]:
        """Objects that could not be read: uid -> why."""
        return dict(self._store.odd)

    def follow(self) -> None:
        """Until `stop` is set. Never raises: the reason for trouble stands in `error`."""
        while not self._stop.is_set():
            try:
                if not self._version or time.monotonic() >= self._relist_at:
                    self._list()
                if not self._stop.is_set():
                    self._watch()
            except Absent as error:
                self._do_without(error)
            except (Expired, Damaged) as error:
                log.info("%s: lists again: %s", self.resource, error)
                self._version = ""
                self._pause(random.uniform(0, FIRST_WAIT), str(error) if isinstance(error, Damaged) else "")
            except ClusterError as error:
                if not self._stop.is_set():
                    self._back_off(error)
            except Exception as error:
                log.exception("%s: following failed", self.resource)
                self._version = ""
                self._back_off(error)

    def hurry(self) -> None:
        """From another thread: the cluster answers again, wait no longer."""
        self._wait = FIRST_WAIT
        self._hurry.set()

    def interrupt(self) -> None:
        """After `stop` is set, from another thread: do not wait for the watch to end."""
        self._hurry.set()
        self._source.interrupt()

    def _list(self) -> None:
        """Pages that expire meanwhile are asked for again, for few are news by then; in the end, whole."""
        self._store.expect(self._expected())
        for whole in (False, False, True):
            try:
                self._hand_on(self._source.list(whole=whole))
                break
            except Expired:
                if whole:
                    raise
        self._version, self._relist_at = (
            self._store.version,
            time.monotonic() + random.uniform(*RELIST_SECONDS),
        )
        self.listed, self.error, self._shaken = True, "", False

    def _hand_on(self, parts: Iterable[Part]) -> None:
        for seen in self._store.replace(parts):
            self._put(seen)
            if self._stop.is_set():
                return

    def _do_without(self, error: Absent) -> None:
        """Nothing is there, and that is no trouble; what may not be read is as we saw it last."""
        if error.gone:
            self._hand_on([Part()])
        self._version, self.listed, self.error = "", True, "" if error.gone else str(error)
        self._hurry.wait(ABSENT_SECONDS)
        self._hurry.clear()

    def _watch(self) -> None:
        if self._shaken and self._source.is_behind(self._version):
            raise Expired(f"The cluster was set back to before version {self._version}.")
        self._shaken, began, heard = False, time.monotonic(), False
        changes = self._source.watch(self._version)
        if self._stop.is_set():  # `interrupt` may have come while it was being opened
            self._source.interrupt()
        self.error = ""
        for change in changes:
            heard = True
            seen = self._store.apply(change)
            if seen is not None:
                self._put(seen)
            self._version = change.version or self._version
            if self._stop.is_set() or time.monotonic() >= self._relist_at:
                return
        if not heard and time.monotonic() - began < 1:
            raise ClusterError(f"The watch of {self.resource} ends as soon as it begins.")

    def _put(self, seen: Seen) -> None:
        """Wait while the inbox is full, so that memory stays bounded; give up when stopped."""
        while not self._stop.is_set():
            with suppress(Full):
                return self._inbox.put(seen, timeout=0.5)

    def _back_off(self, error: Exception) -> None:
        """Twice as long each time, 0.8 to 30 s, with jitter; short again after two calm minutes. What the
        server asks for counts where it is longer: it says so to many."""
        now, self._shaken = time.monotonic(), True
        if now - self._calm_since > CALM_SECONDS:
            self._wait = FIRST_WAIT
        asked = (error.retry_after if isinstance(error, ApiError) else None) or 0.0
        self._pause(max(asked, self._wait * random.uniform(0.8, 1.2)), str(error))
        self._wait, self._calm_since = min(self._wait * 2, LONGEST_WAIT), time.monotonic()

    def _pause(self, seconds: float, error: str) -> None:
        self.error = error or self.error
        self._hurry.wait(min(seconds, LONGEST_WAIT))
        self._hurry.clear()


def start(follower: Follower) -> threading.Thread:
    """Run `follower` in a daemon thread."""
    thread = threading.Thread(target=follower.follow, name=f"follow-{follower.resource}", daemon=True)
    thread.start()
    return thread
