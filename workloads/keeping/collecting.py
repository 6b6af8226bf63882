"""The collector: reads the log of every container while it runs and keeps it.

The command `collect_logs` runs one. One thread per open log, at most `most` at once; while others wait, the
oldest first, each has a turn of a minute. News comes as hints; all rows are looked through at the start and
every minute, so that no hint is needed.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection

from runyard.clusters.connection import ApiError, ClusterError
from workloads.keeping import claims, finding, upstream
from workloads.keeping.finding import Run
from workloads.keeping.models import KeptLog
from workloads.keeping.store import Store, StoreError
from workloads.keeping.text import Again, Cutter
from workloads.keeping.writing import GATHER_BYTES, Writer
from workloads.models import Pod

log = logging.getLogger(__name__)
MOST_STREAMS, GATHERED_BYTES = 200, 64 * 2**20
TICK_SECONDS, SCAN_SECONDS, RENEW_SECONDS, TURN_SECONDS = 5.0, 60.0, 15.0, 60.0
FIRST_WAIT, LONGEST_WAIT, STOP_SECONDS = 0.1, 30.0, 5.0
PROMPT_SECONDS = 5.0  # a stream may end before its container does: who looks later cannot tell

LATE = "The pod was deleted before its log was read to the end; what it wrote last is missing."
LOST = "The next run began before the log of this one was read to its end; what it wrote last is missing."
CUT = "The line before may not be whole: the log was not read again after it."
DOUBT = "What was written last may be missing: when it was looked for again, the cluster had let go of it."
GAP = "Lines are missing here: the cluster had let go of them before they were read."


class Reading:
    """The log of one run of a container, being read to its end in a thread of its own."""

    def __init__(self, run: Run, store: Store, holder: str, share: Callable[[], int] = lambda: GATHER_BYTES):
        self.run, self._store, self._holder, self._share = run, store, holder, share
        self.began = time.monotonic()
        self._stop = threading.Event()
        self._stream: upstream.LogStream | None = None
        self._writer: Writer | None = None
        self._left: bytes | None = None  # a last line without an end, or b"": the stream came to its end
        self._left_at = 0.0
        self._thread = threading.Thread(target=self._read, name=f"keep-{run.pod}", daemon=True)

    def start(self) -> "Reading":
        self._thread.start()
        return self

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        """From another thread: write what there is, and let go of the log."""
        self._stop.set()
        if self._stream is not None:
            self._stream.interrupt()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def flush_if_due(self) -> None:
        """From another thread: write what has been gathered for long enough."""
        if self._writer is not None and self._writer.due:
            try:
                self._writer.flush()
            except (claims.ClaimLost, StoreError, DatabaseError, InterfaceError) as error:
                log.warning("the log of %s waits to be written: %s", self.run, error or "it is not ours now")

    def _read(self) -> None:
        try:
            pod = Pod.objects.select_related("cluster").get(pk=self.run.pod)
            if self._claim(pod):
                self._to_the_end(pod)
        except (claims.ClaimLost, Pod.DoesNotExist):
            log.info("the log of %s is somebody else's now, or gone", self.run)
        except (DatabaseError, InterfaceError) as error:
            log.warning("the log of %s is not read now: %s", self.run, error)
        except Exception:
            log.exception("the log of %s is not read now", self.run)
        finally:
            self._let_go()
            connection.close()

    def _claim(self, pod: Pod) -> bool:
        row, _ = KeptLog.objects.get_or_create(
            pod=pod, container=self.run.container, instance=self.run.instance
        )
        mine = claims.take(row, self._holder)
        self._writer = Writer(mine, self._store, self._share) if mine else None
        return mine is not None

    def _let_go(self) -> None:
        if self._writer is None or self._writer.log.complete:
            return
        try:
            self._writer.flush()
            claims.release(self._writer.log)
        except (claims.ClaimLost, StoreError, DatabaseError, InterfaceError) as error:
            log.warning("the end of the log of %s is not written: %s", self.run, error)

    def _to_the_end(self, pod: Pod) -> None:
        wait = FIRST_WAIT
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                if self._pass(pod):
                    return
            except (ClusterError, StoreError, DatabaseError, InterfaceError) as error:
                self._left = None
                if not self._stop.is_set():
                    log.info("the log of %s is tried again: %s", self.run, error)
            connection.close()
            wait = FIRST_WAIT if time.monotonic() - began > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
            self._stop.wait(wait)

    def _pass(self, pod: Pod) -> bool:
        """Read until the stream ends; whether this log is done with, or there is nothing to read now."""
        assert self._writer is not None
        self._writer.flush()
        again = Again(place := self._writer.place())
        run = upstream.latest_run(pod, self.run.container)
        if run.gone or self._out_of_reach(run):
            return self._out_of_sight(LATE if run.gone else LOST)
        if not run.started or run.number < self.run.instance:
            return True
        previous = run.number > self.run.instance
        try:
            self._stream = upstream.follow(pod, self.run.container, previous=previous, place=place)
        except ApiError as error:
            return self._refused(error, previous)
        if self._stop.is_set():  # `stop` came while we connected
            self._stream.interrupt()
        now = upstream.latest_run(pod, self.run.container)
        if not now.gone and (now.number != run.number or self._out_of_reach(now)):
            self._stream.interrupt()
            return False  # it began anew, or ended, while we connected: whose lines these are is unknown
        self._left = None
        left = self._keep(self._stream, again)
        if self._stop.is_set():
            return False
        if previous or now.over:
            self._writer.add(left)
            return self._ends()
        self._left, self._left_at = left, time.monotonic()
        return False

    def _out_of_reach(self, latest: upstream.Run) -> bool:
        """Whether the cluster tells of later runs only."""
        return latest.number + latest.waits > self.run.instance + 1

    def _refused(self, error: ApiError, previous: bool) -> bool:
        """404: the pod is gone. 400: there is nothing of that run, or not yet."""
        if error.code == 404:
            return self._out_of_sight(LATE)
        if error.code == 400:
            return self._out_of_sight(LOST) if previous else True
        raise error

    def _out_of_sight(self, why: str) -> bool:
        """The cluster has no more of it: something is missing, unless the stream had just come to its end."""
        assert self._writer is not None
        if self._left is None:
            return self._ends(why)
        self._writer.add(self._left)
        if time.monotonic() - self._left_at > PROMPT_SECONDS:
            return self._ends(DOUBT)
        return self._ends(CUT if self._left else "")

    def _keep(self, stream: upstream.LogStream, again: Again) -> bytes:
        """What comes; the last line is returned where it has no end."""
        assert self._writer is not None
        noted, cutter = False, Cutter()
        for chunk in stream:
            block = upstream.new_of(again, cutter.feed(chunk))
            if again.gap and not noted:
                noted = True
                self._writer.note(GAP)
            self._writer.add(block)
        return upstream.new_of(again, cutter.finish())

    def _ends(self, note: str = "") -> bool:
        assert self._writer is not None
        if note:
            self._writer.note(note)
        self._writer.finish()
        return True


class Collector:
    """Keeps `unfinished` runs being read. `step` is called by one thread alone."""

    def __init__(self, store: Store, most: int = MOST_STREAMS):
        self._store, self._most = store, most
        self._holder = claims.holder()
        self._readings: dict[Run, Reading] = {}
        self._waiting: dict[Run, datetime] = {}
        self._turns: dict[Run, float] = {}  # when those that had to stop for others last began
        self._hinted: set[int] = set()
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._scan_at = self._renew_at = 0.0

    def hint(self, workloads: set[int]) -> None:
        """From another thread: something about these changed."""
        with self._lock:
            self._hinted |= workloads
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, and then until everything is written."""
        claims.free_abandoned()
        clock = threading.Thread(target=self._flush_by_time, args=(stop,), name="flush", daemon=True)
        clock.start()
        while not stop.is_set():
            try:
                self.step()
            except (DatabaseError, InterfaceError) as error:
                log.warning("the database does not answer: %s", error)
            connection.close()
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()
        self.close()

    def step(self) -> None:
        """Look for news, start what may start, renew the claims."""
        self._readings = {run: one for run, one in self._readings.items() if not one.over}
        for run, created_at in self._news().items():
            if run not in self._readings:
                self._waiting.setdefault(run, created_at)
        self._start()
        self._take_turns()
        if self._readings and time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + RENEW_SECONDS
            claims.renew(self._holder)

    def close(self) -> None:
        """Write everything, and let go of it, within a few seconds."""
        for reading in self._readings.values():
            reading.stop()
        ends = time.monotonic() + STOP_SECONDS
        for reading in self._readings.values():
            reading.join(max(0.0, ends - time.monotonic()))

    @property
    def reading(self) -> set[Run]:
        """What is being read now."""
        return {run for run, one in self._readings.items() if not one.over}

    def wake(self) -> None:
        self._wake.set()

    def _news(self) -> dict[Run, datetime]:
        with self._lock:
            hinted, self._hinted = self._hinted, set()
        if time.monotonic() >= self._scan_at:
            self._scan_at = time.monotonic() + SCAN_SECONDS
            return finding.unfinished()
        return finding.unfinished(hinted) if hinted else {}

    def _start(self) -> None:
        for run in sorted(self._waiting, key=lambda run: (self._turns.get(run, 0.0), self._waiting[run])):
            if len(self._readings) >= self._most:
                return
            del self._waiting[run]
            self._turns.pop(run, None)
            self._readings[run] = Reading(run, self._store, self._holder, self._share).start()

    def _share(self) -> int:
        """How many bytes each may gather, so that all together stay within GATHERED_BYTES."""
        return max(2**16, min(GATHER_BYTES, GATHERED_BYTES // max(1, len(self._readings))))

    def _take_turns(self) -> None:
        """While others wait: who has read for a whole turn goes to the end of the queue."""
        had = sorted((one for one in self._readings.values() if not one.over), key=lambda one: one.began)
        for reading in had[: len(self._waiting)]:
            if time.monotonic() - reading.began >= TURN_SECONDS:
                reading.stop()
                self._turns[reading.run] = reading.began
                self._scan_at = 0.0  # it is found again, free, by the next look at all rows

    def _flush_by_time(self, stop: threading.Event) -> None:
        while not stop.wait(TICK_SECONDS):
            for reading in list(self._readings.values()):
                reading.flush_if_due()
            connection.close()
