"""Lines of a log on their way to those who watch it: frames ready to be sent, and a ring of the newest.

For `log_feeds`; a reader of its own thread fills `Coming`, all the rest is of the event loop.
"""

import json
import threading
import time
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Any

from workloads.keeping.text import lines_in, offset_of
from workloads.keeping.upstream import Line, lines_of

RING_BYTES, AHEAD_BYTES, BLOCK_BYTES = 8 * 2**20, 2 * 2**20, 256 * 1024
STALL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What a watcher is told next: `count` lines from number `first` on, or something about them."""

    first: int = 0
    count: int = 0
    data: bytes = b""  # the lines as they are sent: JSON that says which, a line end, whole lines with times
    skipped: int = 0
    note: str = ""
    end: bool = False
    reset: bool = False

    @property
    def text(self) -> bytes:
        return self.data.partition(b"\n")[2]

    @property
    def lines(self) -> list[Line]:
        return lines_of(self.text)

    def since(self, number: int) -> "Frame":
        """Its lines from that one on."""
        topic = json.loads(self.data.partition(b"\n")[0])["topic"]
        return frame_of(topic, number, self.text[offset_of(self.text, number - self.first) :])

    def message(self, topic: str) -> dict[str, Any]:
        """What is said where there are no lines."""
        if self.end:
            return {"topic": topic, "end": True, "why": self.note}
        if self.reset:
            return {"topic": topic, "reset": True}
        if self.skipped:
            return {"topic": topic, "skipped": self.skipped}
        return {"topic": topic, "note": self.note}


def frame_of(topic: str, first: int, text: bytes) -> Frame:
    """Whole lines, ready to be sent."""
    count = lines_in(text)
    head = json.dumps({"topic": topic, "from": first, "count": count}).encode()
    return Frame(first, count, b"%b\n%b" % (head, text))


class Ring:
    """The newest blocks of a log, by number of line."""

    def __init__(self, first: int = 0) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self.first = self.next = first

    def add(self, frame: Frame) -> None:
        """The lines that come next."""
        self._frames.append(frame)
        self._bytes += len(frame.data)
        self.next += frame.count
        while self._bytes > RING_BYTES and len(self._frames) > 1:
            gone = self._frames.popleft()
            self._bytes -= len(gone.data)
            self.first += gone.count

    def frame(self, number: int) -> Frame:
        """Lines from `number` on, which is there, to the end of their block."""
        found = self._frames[bisect_right(self._frames, number, key=lambda frame: frame.first) - 1]
        return found if found.first == number else found.since(number)

    def bytes_from(self, number: int) -> int:
        """How much there is from line `number` on, by whole blocks."""
        size = 0
        for frame in reversed(self._frames):
            if frame.first + frame.count <= number:
                break
            size += len(frame.data)
        return size


class Coming:
    """Lines on their way from the reader thread to the loop: never much more than AHEAD_BYTES while it waits.

    It waits for those who watch no longer than STALL_SECONDS more than it read: a cluster lets go of a log
    that is not read, a file at a time and without a word, and what follows would be numbered wrongly. From
    then on lines are passed on as they come, the ring lets go of them, and who is slower is told.
    """

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._ahead, self._open = 0, True
        self._patience, self._put_at = STALL_SECONDS, time.monotonic()
        self.size = 0

    def put(self, block: bytes) -> bool:
        """In the reader, which waits for room; whether the loop is to be told."""
        with self._changed:
            self._wait()
            before, self.size = self.size, self.size + len(block)
            self._blocks.append(block)
            return not before or before < BLOCK_BYTES <= self.size

    def _wait(self) -> None:
        began = time.monotonic()
        self._patience = min(STALL_SECONDS, self._patience + began - self._put_at)
        self._changed.wait_for(self._has_room, timeout=self._patience)
        self._put_at = time.monotonic()
        self._patience -= min(self._patience, self._put_at - began)

    def _has_room(self) -> bool:
        return self.size + self._ahead < AHEAD_BYTES or not self._open

    def take(self) -> bytes:
        """On the loop: what came first, about BLOCK_BYTES of it; b"" where there is nothing."""
        blocks, taken = [], 0
        with self._changed:
            while self._blocks and taken < BLOCK_BYTES:
                blocks.append(self._blocks.popleft())
                taken += len(blocks[-1])
            self.size -= taken
            self._changed.notify()
        return b"".join(blocks)

    def go_on(self, ahead: int) -> None:
        """On the loop: so many bytes wait there for the fastest watcher."""
        with self._changed:
            self._ahead = ahead
            self._changed.notify()

    def close(self) -> None:
        """The reader waits no more."""
        with self._changed:
            self._open = False
            self._changed.notify()
