"""Reading the log of one container run, from its CRI files. Used by the node for pods/log.

A record is `<30 bytes of time> <stdout|stderr> <F|P> <bytes>\\n`; P are parts of a line that an F ends.
Files are numbered and only appended to, so a reader that is at the end of one goes on with the next number:
rotation neither skips nor repeats a record. A follower that is so slow that the next one is deleted already
is cut off, so that it does not take what comes then for what comes next.
"""

import asyncio
import mmap
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from localcluster.logoptions import FellBehind, LogOptions

CHUNK_BYTES = 64 * 1024
TIME_WIDTH, TAG_AT, TEXT_AT = 30, 38, 40
LAST_SECOND = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
FIRST_WAIT, LONGEST_WAIT = 0.01, 0.1


def stamp(nanoseconds: int) -> bytes:
    """The time as records carry it: always as wide, so that order of bytes is order of time."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{rest:09d}Z").encode()


def is_record(line: bytes) -> bool:
    return line[TIME_WIDTH : TIME_WIDTH + 4] == b" std" and line[TAG_AT : TAG_AT + 1] in (b"F", b"P")


class Files:
    """The numbered files of one run, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())

    def path(self, number: int) -> Path:
        return self.folder / f"{number:08d}"

    def after(self, number: int) -> int | None:
        return next((other for other in self.numbers() if other > number), None)

    def written_since(self, since: int) -> int | None:
        """The first file that may hold a record from nanosecond `since` on."""
        for number in self.numbers():
            try:
                if self.path(number).stat().st_mtime_ns >= since:
                    return number
            except FileNotFoundError:
                continue
        return max(self.numbers(), default=None)

    def tail(self, lines: int) -> tuple[int, int] | None:
        """File and offset where the last `lines` lines begin; None when there are not so many."""
        wanted, newest = lines, True
        for number in reversed(self.numbers()):
            offset, wanted = last_lines(self.path(number), wanted, newest)
            if offset is not None:
                return number, offset
            newest = newest and not self.path(number).stat().st_size
        return None


def last_lines(path: Path, wanted: int, newest: bool) -> tuple[int | None, int]:
    """Offset where the last `wanted` lines of `path` begin, or None and how many are still wanted before it.

    `newest` says that nothing was written after this file: a line that has only parts so far counts as one.
    """
    size = path.stat().st_size
    if size == 0:
        return (0 if wanted == 0 else None), wanted
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view:
        end = view.rfind(b"\n") + 1
        start_of_last = view.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if newest and view[start_of_last + TAG_AT : start_of_last + TAG_AT + 1] == b"P":
            wanted -= 1
        while end > 0:
            start = view.rfind(b"\n", 0, end - 1) + 1
            if view[start + TAG_AT : start + TAG_AT + 1] != b"P":
                if wanted <= 0:
                    return end, 0
                wanted -= 1
            end = start
    return None, wanted


class Printer:
    """Turns records into what a client reads: whole lines, with times only where a line begins."""

    def __init__(self, since: int, timestamps: bool, limit_bytes: int | None) -> None:
        self.since = stamp(since) if since else b""
        self.timestamps, self.left = timestamps, limit_bytes
        self.inside_line = False

    def text(self, records: list[bytes]) -> bytes:
        data = b"".join([self._one(record) for record in records if record[:TIME_WIDTH] >= self.since])
        if self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
        return data

    @property
    def full(self) -> bool:
        return self.left == 0

    def _one(self, record: bytes) -> bytes:
        if not is_record(record):
            return record + b"\n"
        text = record[TEXT_AT:]
        if self.timestamps and not self.inside_line:
            text = record[: TIME_WIDTH + 1] + text
        self.inside_line = record[TAG_AT : TAG_AT + 1] == b"P"
        return text if self.inside_line else text + b"\n"


def since_of(options: LogOptions) -> int:
    """Nanoseconds since the epoch before which nothing is wanted; 0 when everything is."""
    if options.since_seconds is not None:
        since = time.time() - options.since_seconds
    else:
        since = options.since_time.timestamp() if options.since_time else 0.0
    return int(min(max(since, 0.0), LAST_SECOND) * 1_000_000) * 1000


async def read(folder: Path, options: LogOptions, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The log in `folder` as chunks of bytes; with `follow` until `ended()` and all has been read.

    Raises FellBehind.
    """
    since = since_of(options)
    printer = Printer(since, options.timestamps, options.limit_bytes)
    start = None
    if options.tail_lines is not None:
        start = await asyncio.to_thread(Files(folder).tail, options.tail_lines)
    until = ended if options.follow else None
    async for records in _records(Files(folder), start, since, until):
        data = printer.text(records)
        if data:
            yield data
        if printer.full:
            return


async def said(
    folder: Path, stream: bytes, start: tuple[int, int] | None, ended: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """What `stream`, b"stdout" or b"stderr", has from `start` on, until `ended()`. Raises FellBehind."""
    printer = Printer(0, False, None)
    async for records in _records(Files(folder), start, 0, ended):
        if data := printer.text([one for one in records if one[TIME_WIDTH + 1 : TAG_AT - 1] == stream]):
            yield data


async def _records(
    files: Files, start: tuple[int, int] | None, since: int, until: Callable[[], bool] | None
) -> AsyncIterator[list[bytes]]:
    """Records in order from `start` (None: the beginning); waits for more `until` that is true."""
    number, offset = start or (files.written_since(since), 0)
    ended, told = until or (lambda: True), False
    while number is None:
        if ended():
            return
        await asyncio.sleep(LONGEST_WAIT)
        number = files.written_since(since)
    while number is not None:
        try:
            with files.path(number).open("rb") as file:
                file.seek(offset)
                async for records in _of_file(file, number, files, ended):
                    yield records
            following, told = files.after(number), True
            whole = following in (None, number + 1)
        except FileNotFoundError:
            following, whole = files.after(number), not told
        if until and not whole:
            raise FellBehind
        number, offset = following, 0


async def _of_file(
    file: BinaryIO, number: int, files: Files, ended: Callable[[], bool]
) -> AsyncIterator[list[bytes]]:
    rest, wait, fell_behind = b"", FIRST_WAIT, False
    while True:
        # Asked before reading: what is read then is all.
        final = fell_behind or ended() or files.path(number + 1).exists()
        data = file.read(CHUNK_BYTES)
        *records, rest = (rest + data).split(b"\n")
        if records:
            yield records
            wait = FIRST_WAIT
            await asyncio.sleep(0)
        elif not data and final:
            return
        elif not data:
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            fell_behind = files.after(number) is not None  # the next one may be gone already


async def nothing() -> AsyncIterator[bytes]:
    """The log of a container that never ran."""
    return
    yield b""
