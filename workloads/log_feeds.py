"""One upstream read per container log, however many watch it; a thread reads, the event loop serves.

Lines go from the cluster to the watchers in blocks of bytes, numbered by their first line, made ready to be
sent once for all, and never taken apart on the way. A feed begins where the kept part of the log ends and has
its newest blocks in a ring; it reads no further ahead of the fastest watcher than memory allows, while the
cluster can be kept waiting. Who is slower is told what is kept, or how many lines it lost.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from django.db import connection

from runyard.clusters.connection import ApiError, ClusterError
from workloads import logs, silence
from workloads.keeping.store import StoreError
from workloads.keeping.text import Again, Cutter, Place, fraction
from workloads.keeping.upstream import block_of, new_of
from workloads.log_frames import BLOCK_BYTES, Coming, Frame, Ring, frame_of
from workloads.models import Pod

KEPT_LINES, GATHER_SECONDS = 1_000, 0.01
LINGER_SECONDS, RETRY_SECONDS, RESET_SECONDS = 10.0, 1.0, 3.0
CATCH_UP_SECONDS = 45.0  # longer than a collector gathers before it writes
CATCHING_UP = "Lines are missing here; going on where this log is kept."
ENDED, RUN_ENDED = "The container has ended.", "This run has ended."
log = logging.getLogger(__name__)


class Feed:
    """The log of one container while somebody watches it."""

    def __init__(self, pod: Pod, container: str, previous: bool):
        self._pod, self._container, self._previous = pod, container, previous
        self._topic = f"log:{pod.pk}/{container}"
        self._loop = asyncio.get_running_loop()
        self._ring, self._note, self._ended = Ring(), "", False
        self._whole: logs.Whole | None = None  # None until it is known where to begin
        self._watchers: dict[asyncio.Event, int] = {}  # what wakes each, and the line it is told next
        self._coming = self._into_ring = Coming()  # the reader may be a run further than the ring
        self._gathering: asyncio.TimerHandle | None = None
        self._gathered_at = 0.0
        self._stream: logs.LogStream | None = None
        self._stopped = threading.Event()
        self._number, self._place = 0, Place()
        self._resigned = False  # to lines that are missing
        self._ended_so = RUN_ENDED if previous else ENDED
        threading.Thread(target=self._read, name=f"log-{pod.name}", daemon=True).start()

    async def watch(self, start: int) -> AsyncGenerator[Frame, None]:
        """Frames from line `start` on, until the log ends.

        A start that the log does not reach (it began anew since the viewer counted) resets to 0; so does a
        container that begins anew.
        """
        news, noted, whole = asyncio.Event(), "", None
        self._watchers[news] = start
        try:
            while True:
                news.clear()
                if whole is not None and self._whole is not None and whole.number != self._whole.number:
                    yield Frame(reset=True)
                    self._watchers[news] = 0
                whole, place = self._whole, self._watchers[news]
                if whole is not None and place < self._ring.first:
                    async for frame in self._older(whole, place):
                        yield frame
                        self._has(news, frame)
                    await asyncio.sleep(0)  # there may be more of them, and nobody would tell
                elif self._ring.first <= place < self._ring.next:
                    yield (frame := self._ring.frame(place))
                    self._has(news, frame)
                    await asyncio.sleep(0)
                elif self._ended:
                    yield Frame(note=self._note, end=True)
                    return
                elif self._note != noted:
                    noted = self._note
                    if noted:
                        yield Frame(note=noted)
                elif not await _comes(news, RESET_SECONDS if whole and place > self._ring.next else None):
                    yield Frame(reset=True)
                    self._watchers[news] = 0
        finally:
            del self._watchers[news]
            self._make_room()

    async def _older(self, whole: logs.Whole, place: int) -> AsyncGenerator[Frame, None]:
        """One step from `place` towards the ring: lines that are kept, or how many are lost."""
        ring = self._ring
        page = await asyncio.to_thread(_kept, whole, place, min(KEPT_LINES, ring.first - place))
        if ring is not self._ring:  # it begins elsewhere now, and more may be kept
            return
        first = min(page.first, ring.first) if page.lines else ring.first
        if first > place:
            yield Frame(place, first - place, skipped=first - place)
        if lines := page.lines[: ring.first - first]:
            yield frame_of(self._topic, first, block_of(lines))

    def _has(self, news: asyncio.Event, frame: Frame) -> None:
        self._watchers[news] = frame.first + frame.count
        self._make_room()

    def _make_room(self) -> None:
        """Let the reader go on as far as memory allows beyond what the fastest watcher has."""
        fastest = max(self._watchers.values(), default=self._ring.next)
        self._into_ring.go_on(self._ring.bytes_from(fastest))

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def stop(self) -> None:
        """End the reader thread."""
        self._stopped.set()
        self._coming.close()
        if self._stream is not None:
            self._stream.interrupt()

    # --- below runs in the reader thread ---

    def _read(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._follow() or self._stopped.wait(RETRY_SECONDS):
                    return
            except Exception:
                log.exception("the log of %s is read no more", self._pod.name)
                return self._say("Reading this log failed; reload the page to try again.", ended=True)
            finally:
                connection.close()

    def _follow(self) -> bool:
        """Read until the stream ends; whether there is nothing more to come."""
        try:
            if self._whole is None and self._begin():
                return True
            stream = self._open()
        except ApiError as error:
            over = error.code == 404 or (self._previous and error.code == 400)
            self._say(self._why(logs.unavailable(error)) if over else logs.unavailable(error), ended=over)
            return over
        except (ClusterError, StoreError) as error:
            self._say(logs.unavailable(error))
            return False
        try:
            if self._pump(stream):
                return self._at_the_end()
            self._catch_up()
        except (ClusterError, StoreError):
            pass  # cut, or silent for long: goes on where it was
        return False

    def _begin(self) -> bool:
        """Begin where the kept part ends; whether that is all there is."""
        whole = logs.find_live(self._pod, self._container, self._previous)
        self._place = whole.place()
        self._start(whole)
        if whole.complete:
            self._say(self._why(), ended=True)
        return whole.complete

    def _start(self, whole: logs.Whole) -> None:
        self._number, self._coming = whole.number, Coming()
        self._on_loop(self._set, whole, self._coming)

    def _open(self) -> logs.LogStream:
        self._stream = logs.follow(self._pod, self._container, previous=self._previous, place=self._place)
        if self._stopped.is_set():  # `stop` came while we connected
            self._stream.interrupt()
        return self._stream

    def _pump(self, stream: logs.LogStream) -> bool:
        """Tell what comes, to its end; False where the cluster had let go of what came before it."""
        again, cutter = Again(self._place), Cutter()
        resigned, self._resigned = self._resigned, False
        for chunk in stream:
            text = new_of(again, cutter.feed(chunk))
            if again.gap and not resigned:
                return False
            self._tell(text)
        self._tell(new_of(again, cutter.finish()))
        return True

    def _catch_up(self) -> None:
        """Go on where the kept part ends, once that is beyond what was read: numbers are right there.

        Where nobody keeps the log, the next line that there is has the next number.
        """
        ends = time.monotonic() + CATCH_UP_SECONDS
        while not self._stopped.is_set():
            now = logs.find_live(self._pod, self._container, self._previous)
            place, anew = now.place(), now.number > self._number and not self._previous
            further = now.number == self._number and fraction(place.last) > fraction(self._place.last)
            if anew or further:
                self._place = place
                return self._start(now)
            if not now.is_being_kept or time.monotonic() >= ends:
                self._resigned = True
                return None
            self._say(CATCHING_UP)
            self._stopped.wait(RETRY_SECONDS)
        return None

    def _at_the_end(self) -> bool:
        """The stream ended: whether the log did. A container that runs again has a log of its own."""
        now = logs.find_live(self._pod, self._container, self._previous)
        if now.number > self._number and not self._previous:
            self._place = now.place()
            self._start(now)
            return False
        if self._has_ended():
            self._say(self._why(), ended=True)
            return True
        return False

    def _why(self, error: str = "") -> str:
        """Why no line comes any more; where there never was one, why that is."""
        pod = Pod.objects.filter(pk=self._pod.pk).first()
        if self._place.seen or pod is None:
            return self._ended_so
        previous = self._previous
        return silence.of_container(pod, self._container, previous=previous, error=error, over=True).words

    def _tell(self, text: bytes) -> None:
        """Whole lines, for the loop to pass on; waits while those who watch have not had what came before."""
        if text:
            self._place = self._place.after(text)
            if self._coming.put(text):
                self._on_loop(self._soon)

    def _say(self, note: str, ended: bool = False) -> None:
        self._on_loop(self._set_note, note, ended)

    def _on_loop(self, work: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(work, *args)
        except RuntimeError:  # the server is gone, and its loop
            self.stop()

    def _has_ended(self) -> bool:
        """Whether the container will write no more, as far as the rows know."""
        pod = Pod.objects.filter(pk=self._pod.pk).first()
        return pod is None or self._previous or bool(pod.gone_at) or pod.phase in ("Succeeded", "Failed")

    # --- and this on the loop again ---

    def _set(self, whole: logs.Whole, coming: Coming) -> None:
        self._gather()
        self._whole, self._ring, self._into_ring = whole, Ring(whole.kept_lines), coming
        self._wake()

    def _set_note(self, note: str, ended: bool) -> None:
        self._gather()
        self._note, self._ended = note, ended
        self._wake()

    def _soon(self) -> None:
        """Pass on what came: at once, or GATHER_SECONDS after what came before."""
        wait = self._gathered_at + GATHER_SECONDS - self._loop.time()
        if wait <= 0 or self._into_ring.size >= BLOCK_BYTES:
            self._gather()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(wait, self._gather)

    def _gather(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
        self._gathering, self._gathered_at = None, self._loop.time()
        while text := self._into_ring.take():
            self._ring.add(frame_of(self._topic, self._ring.next, text))
            self._note = ""
        self._make_room()
        self._wake()

    def _wake(self) -> None:
        for news in self._watchers:
            news.set()


def _kept(whole: logs.Whole, first: int, count: int) -> logs.LogPage:
    """In a thread of its own: kept lines, or none where they cannot be had."""
    try:
        return logs.kept(whole, first, count)
    except StoreError as error:
        log.warning("%s", error)
        return logs.LogPage()
    finally:
        connection.close()


async def _comes(news: asyncio.Event, seconds: float | None) -> bool:
    """Whether there is news within `seconds` (None: wait for it)."""
    try:
        async with asyncio.timeout(seconds):
            return await news.wait()
    except TimeoutError:
        return False


_feeds: dict[tuple[int, str, bool], Feed] = {}


async def watch(pod: Pod, container: str, start: int, previous: bool) -> AsyncGenerator[Frame, None]:
    """Frames of a log from line `start` on; joins the feed of others who watch the same."""
    key = (pod.pk, container, previous)
    feed = _feeds.get(key)
    if feed is None or feed._ended:
        feed = _feeds[key] = Feed(pod, container, previous)
    try:
        async for frame in feed.watch(start):
            yield frame
    finally:
        asyncio.get_running_loop().call_later(LINGER_SECONDS, _retire, key, feed)


def _retire(key: tuple[int, str, bool], feed: Feed) -> None:
    if not feed.watched:
        feed.stop()
        if _feeds.get(key) is feed:
            del _feeds[key]
