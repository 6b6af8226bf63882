"""One upstream read per container log, however many watch it; a thread reads, the event loop serves.

A feed numbers lines from 0 and keeps the newest in a ring; each watcher has a place of its own in it.
A watcher that falls behind the ring is told how many lines it lost: memory stays bounded.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from runyard.clusters.connection import ApiError, ClusterError
from workloads import logs
from workloads.models import Pod

RING_LINES, RING_BYTES = 20_000, 8 * 2**20
FRAME_LINES, FRAME_BYTES, GATHER_SECONDS = 1_000, 64 * 1024, 0.05
LINGER_SECONDS, RETRY_SECONDS, RESET_SECONDS = 10.0, 1.0, 3.0
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

    def __init__(self) -> None:
        self._lines: deque[logs.Line] = deque()
        self._bytes = 0
        self.first = 0

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
        taken, size = [], 0
        for index in range(start - self.first, min(len(self._lines), start - self.first + FRAME_LINES)):
            line = self._lines[index]
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
        self._news: set[asyncio.Event] = set()
        self._stream: logs.LogStream | None = None
        self._stopped = threading.Event()
        self._last = ("", 0)  # time of the last line, and how many lines had it
        threading.Thread(target=self._read, name=f"log-{pod.name}", daemon=True).start()

    async def watch(self, start: int) -> AsyncGenerator[Frame, None]:
        """Frames from line `start` on, until the log ends.

        A start that the log does not reach (it began anew since the viewer counted) resets to 0.
        """
        news, place, noted = asyncio.Event(), start, ""
        self._news.add(news)
        try:
            while True:
                news.clear()
                if place < self._ring.first:
                    yield Frame(skipped=self._ring.first - place)
                    place = self._ring.first
                lines = self._ring.frame(place) if place < self._ring.next else ()
                if lines:
                    yield Frame(place, lines)
                    place += len(lines)
                    await asyncio.sleep(GATHER_SECONDS)
                elif self._ended:
                    yield Frame(note=self._note, end=True)
                    return
                elif self._note != noted:
                    noted = self._note
                    yield Frame(note=noted)
                elif not await _comes(news, RESET_SECONDS if place > self._ring.next else None):
                    yield Frame(reset=True)
                    place = 0
        finally:
            self._news.discard(news)

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
            stream = self._open()
        except ApiError as error:
            over = error.code == 404 or (self._previous and error.code == 400)
            self._tell([], logs.unavailable(error), ended=over)
            return over
        except ClusterError as error:
            self._tell([], logs.unavailable(error))
            return False
        try:
            self._pump(stream)
        except ClusterError:
            return False  # cut, or silent for long: goes on where it was
        if self._has_ended():
            self._tell([], "The container has ended.", ended=True)
            return True
        return False

    def _open(self) -> logs.LogStream:
        self._stream = logs.follow(self._pod, self._container, previous=self._previous, since=self._last[0])
        if self._stopped.is_set():  # `stop` came while we connected
            self._stream.interrupt()
        return self._stream

    def _pump(self, stream: logs.LogStream) -> None:
        again, cutter = _Again(*self._last), logs.Lines()
        for chunk in stream:
            self._tell(again.drop(cutter.feed(chunk)))
        self._tell(again.drop(cutter.finish()))

    def _tell(self, lines: list[logs.Line], note: str = "", ended: bool = False) -> None:
        if lines:
            latest = lines[-1][0]
            same = sum(line[0] == latest for line in lines)
            self._last = (latest, same + (self._last[1] if self._last[0] == latest else 0))
        try:
            self._loop.call_soon_threadsafe(self._take, lines, note, ended)
        except RuntimeError:  # the server is gone, and its loop
            self._stopped.set()

    def _has_ended(self) -> bool:
        """Whether the container will write no more, as far as the rows know."""
        pod = Pod.objects.filter(pk=self._pod.pk).first()
        return pod is None or self._previous or bool(pod.gone_at) or pod.phase in ("Succeeded", "Failed")

    # --- and this on the loop again ---

    def _take(self, lines: list[logs.Line], note: str, ended: bool) -> None:
        self._ring.extend(lines)
        self._note, self._ended = note, ended
        for news in self._news:
            news.set()


class _Again:
    """After a reconnect the server sends the last second again; drops what was told already."""

    def __init__(self, since: str, seen: int):
        self._since, self._seen = _moment(since), seen

    def drop(self, lines: list[logs.Line]) -> list[logs.Line]:
        return [line for line in lines if self._is_new(_moment(line[0]))] if self._since[0] else lines

    def _is_new(self, moment: tuple[str, str]) -> bool:
        if moment == self._since and self._seen:
            self._seen -= 1
            return False
        return moment >= self._since


def _moment(time: str) -> tuple[str, str]:
    """An RFC 3339 time in UTC, comparable: servers leave out trailing zeros of the fraction."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return whole, fraction.ljust(9, "0")


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
