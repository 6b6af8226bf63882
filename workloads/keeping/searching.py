"""Searches a whole log on the server. Patterns are strangers': RE2 takes linear time, whatever they say."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import re2

from runyard.clusters.connection import ClusterError
from workloads.keeping.reading import Whole, all_chunks, find, text_upto, unavailable, without_times
from workloads.keeping.store import StoreError
from workloads.keeping.text import offset_of, time_of
from workloads.models import Pod

LONGEST_PATTERN, MOST_HITS, MOST_SECONDS = 500, 10_000, 10.0
_MEMORY = 8 * 2**20
_TIME = 40  # a line's time and the space after it are shorter


@dataclass
class Hits:
    """The numbers and `times` of lines that match. Go on at `searched_to` until `done`.

    `problem`: what failed.
    """

    numbers: list[int] = field(default_factory=list)
    searched_to: int = 0
    done: bool = False
    problem: str = ""
    times: list[str] = field(default_factory=list)


def search(
    pod: Pod,
    container: str,
    pattern: str,
    *,
    regex: bool = False,
    previous: bool = False,
    start: int = 0,
    limit: int = 1000,
    seconds: float = 2.0,
) -> Hits:
    """Lines from number `start` on whose text has `pattern`, at most `limit`, for at most about `seconds`.

    Without a capital letter in it `pattern` finds either case. Never raises: see `problem`.
    """
    hits = Hits(searched_to=max(0, start))
    try:
        wanted = compiled(pattern, regex)
    except ValueError as error:
        return Hits(searched_to=hits.searched_to, done=True, problem=str(error))
    ends, limit = time.monotonic() + min(seconds, MOST_SECONDS), max(1, min(limit, MOST_HITS))
    try:
        for first, block in _blocks(find(pod, container, previous), hits.searched_to):
            _search_block(wanted, first, block, limit, hits)
            if len(hits.numbers) >= limit or time.monotonic() >= ends:
                return hits
        hits.done = True
    except (ClusterError, StoreError) as error:
        hits.done, hits.problem = True, unavailable(error)
    return hits


class Wanted(NamedTuple):
    """A compiled pattern; one that is `anchored` to the beginning must not see the times before the text."""

    regex: "re2._Regexp"
    anchored: bool


def compiled(pattern: str, regex: bool) -> Wanted:
    """Raises ValueError in words for a pattern that cannot be searched for."""
    if not pattern or len(pattern) > LONGEST_PATTERN or "\n" in pattern:
        raise ValueError(f"Search for 1 to {LONGEST_PATTERN} characters of one line.")
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    options.case_sensitive = pattern != pattern.lower()
    options.literal, options.never_nl = not regex, True
    options.encoding = re2.Options.Encoding.UTF8
    text = f"(?m){pattern}" if regex else pattern
    try:
        return Wanted(re2.compile(text.encode(), options), regex and ("^" in pattern or r"\A" in pattern))
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else error
        raise ValueError(f"This is no regular expression: {str(said).replace('(?m)', '', 1)}.") from error


def _blocks(whole: Whole, start: int) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, whole lines) from line `start` on."""
    for chunk in all_chunks(whole):
        if chunk.end > start:
            yield chunk.first_line, text_upto(whole, chunk)
    number = whole.kept_lines
    for block in whole.rest():
        yield number, block
        number += block.count(b"\n")


def _search_block(wanted: Wanted, first: int, text: bytes, limit: int, hits: Hits) -> None:
    """Add the matching lines of `text` from `hits.searched_to` on; moves that to where the search ended."""
    plain = wanted.anchored or wanted.regex.search(text[: text.find(b" ")])  # or each time would be looked at
    timed = text.split(b"\n") if plain else []
    text = without_times(text) if plain else text
    number, counted = first, 0
    for start in _starts(wanted.regex, text, offset_of(text, hits.searched_to - first), bool(plain)):
        number += text.count(b"\n", counted, start)
        counted, hits.searched_to = start, number + 1
        hits.numbers.append(number)
        hits.times.append(time_of(timed[number - first] if plain else text[start : start + _TIME]))
        if len(hits.numbers) >= limit:
            return
    hits.searched_to = max(hits.searched_to, first + text.count(b"\n"))


def _starts(regex: "re2._Regexp", text: bytes, place: int, plain: bool) -> Iterator[int]:
    """Where the lines begin whose text matches; unless it is `plain`, it begins after the line's time."""
    while place < len(text) and (match := regex.search(text, place)):
        start = text.rfind(b"\n", 0, match.start()) + 1
        end = text.find(b"\n", match.start())
        if start >= len(text):
            return
        if plain or regex.search(text[text.find(b" ", start, end) + 1 : end]):
            yield start
        place = end + 1
