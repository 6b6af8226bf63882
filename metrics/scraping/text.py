"""Takes the lines we want out of Prometheus' text format: by name at the speed of a search, without the rest.

What a line was found to be is remembered by everything before its value, so that labels are read once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_LATEST = 2**53  # tenths of a second: far beyond any, and well within what arrays of numbers hold


class NotMetrics(ValueError):
    """It is something else, said in words."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A line that is not known yet: its name, all before its value, the value, and its own time or 0."""

    name: str
    head: bytes
    value: float
    time: int


@dataclass(slots=True)
class Page:
    """Of one answer: series and value of each known line, and its time in tenths (0: the scrape's)."""

    series: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    fresh: list[Fresh] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    odd: int = 0


def parse(body: bytes, names: Iterable[str], known: Mapping[bytes, int | None]) -> Page:
    """The lines of `names` in `body`. `known`: the series of a line by its head; None: leave it out.

    Lines that are no samples are counted as `odd`. Raises NotMetrics for what is no such text at all.
    """
    _check(body)
    page, body = Page(), b"\n" + body
    for name in names:
        for lines in _blocks(body, name.encode()):
            _read(lines, name, known, page)
    return page


def _check(body: bytes) -> None:
    start = body[:300].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise NotMetrics("it answers a web page, not figures")
    if start.startswith((b"{", b"[")):
        raise NotMetrics("it answers JSON, not figures")
    if b"\0" in body[:4096]:
        raise NotMetrics("it answers something that is not text")


def _blocks(body: bytes, name: bytes) -> Iterator[list[bytes]]:
    """The lines that begin with `name`, which stand together: up to the next comment."""
    begins, at = (name + b"{", name + b" ", name + b"\t"), 0
    while (at := body.find(b"\n" + name, at)) >= 0:
        if not body.startswith(begins, at + 1):
            at += len(name)  # a longer name
            continue
        end = body.find(b"\n#", at + 1)
        lines = body[at + 1 : end if end >= 0 else len(body)].split(b"\n")
        yield [line for line in lines if line.startswith(begins)]
        if end < 0:
            return
        at = end


def _read(lines: list[bytes], name: str, known: Mapping[bytes, int | None], page: Page) -> None:
    """Every sample of every scrape comes by here: plain steps, no calls that can be spared."""
    bare = len(name)
    series, values, times, seen = page.series, page.values, page.times, page.seen
    for line in lines:
        cut = line.rfind(b"}") + 1 or bare
        head, rest, time = line[:cut], line[cut:], 0
        number = known.get(head, 0)
        if number is None:
            seen.append(head)
            continue
        try:
            value = float(rest)
        except ValueError:
            try:
                text, stamp = rest.split()
                value, time = float(text), int(stamp) // 100
                if not -_LATEST < time < _LATEST:
                    raise ValueError
            except ValueError:
                page.odd += 1
                continue
        if value - value != 0:  # no number, or infinite
            continue
        seen.append(head)
        if number:
            series.append(number)
            values.append(value)
            times.append(time)
        else:
            page.fresh.append(Fresh(name, head, value, time))
