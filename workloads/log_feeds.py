"""One upstream read per container log, however many watch it; a thread reads, the event loop serves.

A feed begins where the kept part of the log ends, counts on from there, and has the newest lines in a ring;
each watcher has a place of its own. What is older than the ring comes from what is kept; a watcher that falls
behind what is neither is told how many lines it lost: memory stays bounded.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from runyard.clusters.connection import ApiError, ClusterError
from workloads import logs
from workloads.keeping.store import StoreError
from workloads.keeping.text import Again, Cutter, Place
from workloads.keeping.upstream import lines_of, new_of
from workloads.models import Pod

RING_LINES, RING_BYTES = 20_000, 8 * 2**20
FRAME_LINES, FRAME_BYTES, GATHER_SECONDS = 1_000, 64 * 1024, 0.05
LINGER_SECONDS, RETRY_SECONDS, RESET_SECONDS = 10.0, 1.0, 3.0
ENDED = "The container has ended."
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a watcher is told next."""

    first: int = 0
    lines: tuple[logs.Line, ...] = ()
    skipped: int = 0
    note: str = ""
    end: bool = False
    reset: bool = False

    def message(self, topic: str) -> dict[str, Any]:
        if self.end:
            return {"topic": topic, "end": True, "why": self.note}
        if self.reset:
            return {"topic": topic, "reset": True}
        if self.skipped:
            return {"topic": topic, "skipped": self.skipped}
        if self.note:
            return {"topic": topic, "note": self.note}
        return {"topic": topic, "from": self.first, "lines": self.lines}


class Ring:
    """The newest lines of a log, by number."""

    def __init__(self, first: int = 0) -> None:
        self._lines: deque[logs.Line] = deque()
        self._bytes = 0
        self.first = first

    @property
    def next(self) -> int:
        return self.first + len(self._lines)

    def extend(self, lines: list[logs.Line]) -> None:
        for line in lines:
            self._lines.append(line)
            self._bytes += len(line[1]) + 40
        while len(self._lines) > RING_LINES or self._bytes > RING_BYTES:
            self._bytes -= len(self._lines.popleft()[1]) + 40
            self.first += 1

    def frame(self, start: int) -> tuple[logs.Line, ...]:
        """Lines from `start` (not before `first`), at most one frame's worth."""
        places = range(start - self.first, min(len(self._lines), start - self.first + FRAME_LINES))
        return frame_of(self._lines[place] for place in places)


def frame_of(lines: Iterable[logs.Line]) -> tuple[logs.Line, ...]:
    """The first of `lines`, about FRAME_BYTES of them."""
    taken, size = [], 0
    for line in lines:
        taken.append(line)
        size += len(line[1])
        if size >= FRAME_BYTES:
            break
    return tuple(taken)


class Feed:
    """The log of one container while somebody watches it."""

    def __init__(self, pod: Pod, container: str, previous: bool):
        self._pod, self._container, self._previous = pod, container, previous
        self._loop = asyncio.get_running_loop()
        self._ring, self._note, self._ended = Ring(), "", False
        self._whole: logs.Whole | None = None  # None until it is known where to begin
        self._news: set[asyncio.Event] = set()
        self._stream: logs.LogStream | None = None
        self._stopped = threading.Event()
        self._number, self._place = 0, Place()
        threading.Thread(target=self._read, name=f"log-{pod.name}", daemon=True).start()

    async def watch(self, start: int) -> AsyncGenerator[Frame, None]:
        """Frames from line `start` on, until the log ends.

        A start that the log does not reach (it began anew since the viewer counted) resets to 0; so does a
        container that begins anew.
        """
        news, place, noted, whole = asyncio.Event(), start, "", None
        self._news.add(news)
        try:
            while True:
                news.clear()
                if whole is not self._whole and whole is not None:
                    yield Frame(reset=True)
                    place = 0
                whole = self._whole
                if whole is not None and place < self._ring.first:
                    async for frame in self._older(whole, place):
                        yield frame
                        place = frame.first + len(frame.lines)
                    await asyncio.sleep(0)
                    continue  # there may be more of them, and nobody would tell
                lines = self._ring.frame(place) if self._ring.first <= place < self._ring.next else ()
                if lines:
                    yield Frame(place, lines)
                    place += len(lines)
                    await asyncio.sleep(0 if place < self._ring.next else GATHER_SECONDS)
                elif self._ended:
                    yield Frame(note=self._note, end=True)
                    return
                elif self._note != noted:
                    noted = self._note
                    yield Frame(note=noted)
                elif not await _comes(news, RESET_SECONDS if whole and place > self._ring.next else None):
                    yield Frame(reset=True)
                    place = 0
        finally:
            self._news.discard(news)

    async def _older(self, whole: logs.Whole, place: int) -> AsyncGenerator[Frame, None]:
        """One step from `place` towards the ring: lines that are kept, or how many are lost."""
        wanted = min(FRAME_LINES, self._ring.first - place)
        page = await asyncio.to_thread(_kept, whole, place, wanted)
        first = min(page.first, self._ring.first) if page.lines else self._ring.first
        if first > place:
            yield Frame(first=first, skipped=first - place)
        if lines := frame_of(page.lines[: self._ring.first - first]):
            yield Frame(first, lines)

    @property
    def watched(self) -> bool:
        return bool(self._news)

    def stop(self) -> None:
        """End the reader thread."""
        self._stopped.set()
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
                return self._tell([], "Reading this log failed; reload the page to try again.", ended=True)
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
            self._tell([], ENDED if over and self._place.seen else logs.unavailable(error), ended=over)
            return over
        except (ClusterError, StoreError) as error:
            self._tell([], logs.unavailable(error))
            return False
        try:
            self._pump(stream)
        except ClusterError:
            return False  # cut, or silent for long: goes on where it was
        return self._at_the_end()

    def _begin(self) -> bool:
        """Begin where the kept part ends; whether that is all there is."""
        whole = logs.find_live(self._pod, self._container, self._previous)
        self._place = whole.place()
        self._start(whole)
        if whole.complete:
            self._tell([], ENDED, ended=True)
        return whole.complete

    def _start(self, whole: logs.Whole) -> None:
        self._number = whole.number
        self._on_loop(self._set, whole)

    def _open(self) -> logs.LogStream:
        self._stream = logs.follow(self._pod, self._container, previous=self._previous, place=self._place)
        if self._stopped.is_set():  # `stop` came while we connected
            self._stream.interrupt()
        return self._stream

    def _pump(self, stream: logs.LogStream) -> None:
        again, cutter = Again(self._place), Cutter()
        for chunk in stream:
            self._tell(lines_of(new_of(again, cutter.feed(chunk))))
        self._tell(lines_of(new_of(again, cutter.finish())))

    def _at_the_end(self) -> bool:
        """The stream ended: whether the log did. A container that runs again has a log of its own."""
        now = logs.find_live(self._pod, self._container, self._previous)
        if now.number > self._number and not self._previous:
            self._place = now.place()
            self._start(now)
            return False
        if self._has_ended():
            self._tell([], ENDED, ended=True)
            return True
        return False

    def _tell(self, lines: list[logs.Line], note: str = "", ended: bool = False) -> None:
        self._place = self._place.after(time for time, _ in lines)
        self._on_loop(self._take, lines, note, ended)

    def _on_loop(self, work: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(work, *args)
        except RuntimeError:  # the server is gone, and its loop
            self._stopped.set()

    def _has_ended(self) -> bool:
        """Whether the container will write no more, as far as the rows know."""
        pod = Pod.objects.filter(pk=self._pod.pk).first()
        return pod is None or self._previous or bool(pod.gone_at) or pod.phase in ("Succeeded", "Failed")

    # --- and this on the loop again ---

    def _set(self, whole: logs.Whole) -> None:
        self._whole, self._ring = whole, Ring(whole.kept_lines)
        self._wake()

    def _take(self, lines: list[logs.Line], note: str, ended: bool) -> None:
        self._ring.extend(lines)
        self._note, self._ended = note, ended
        self._wake()

    def _wake(self) -> None:
        for news in self._news:
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
