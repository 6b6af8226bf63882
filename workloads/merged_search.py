"""Searches the logs of several pods as one: every line that matches, and the first that tells of an error.

Callers have asked `require(user, "read_logs", workload)`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from workloads import logs
from workloads.merging import MOST_PODS, SECONDS, Part, moment, parts_of, shown_of
from workloads.models import Pod

# What a line that tells of an error looks like; static/js/log-row.js marks lines by the same rule.
# In small letters: so it is searched for in either case.
ERROR = (
    r"\b(error|exception|traceback|fatal|panic|segmentation fault|out of memory|oom-?killed?)\b"
    r"|\b[a-z]+(error|exception)\b"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in the log of one pod, which has `total` lines as far as is known."""

    part: Part
    hits: logs.Hits
    total: int


def search(
    pods: list[Pod],
    container: str,
    starts: dict[int, int],
    pattern: str,
    *,
    regex: bool,
    seconds: float,
    most: int,
) -> list[Found]:
    """Search the logs of the pods in `starts` from those lines on, in that order, for about `seconds`.

    At most about `most` lines in all; pods that there was no time for are not among what is returned.
    """
    parts = {part.pod.pk: part for part in parts_of(shown_of(pods), container)}
    wanted, ends = [parts[pk] for pk in starts if pk in parts], time.monotonic() + seconds
    found: list[Found] = []
    for part in wanted:
        left = ends - time.monotonic()
        if left <= 0:
            break
        hits = logs.search(
            part.pod,
            part.container,
            pattern,
            regex=regex,
            previous=False,
            start=starts[part.pod.pk],
            limit=max(1, most // len(wanted)),
            seconds=left,
        )
        found.append(Found(part, hits, _total(part, hits)))
    return found


def _total(part: Part, hits: logs.Hits) -> int:
    """How many lines there are: all that were searched, where that was all of them."""
    known = hits.searched_to
    return known if hits.done else max(known, logs.lines(part.pod, part.container, 0, 0, False).total)


@dataclass
class FirstError:
    """The earliest line that looks like an error (`part` None: none); not all was read unless `whole`."""

    part: Part | None = None
    line: int = 0
    at: str = ""
    whole: bool = True


def first_error(pods: list[Pod], container: str = "") -> FirstError:
    """The first line of any pod that ERROR matches, searched for SECONDS at most."""
    found, ends = FirstError(whole=len(pods) <= MOST_PODS), time.monotonic() + SECONDS
    for part in parts_of(pods[-MOST_PODS:], container):
        for number in _first_match(part, ends):
            if number is None:
                found.whole = False
                break
            page = logs.lines(part.pod, part.container, number, 1)
            at = page.lines[0][0] if page.lines else ""
            if found.part is None or moment(at) < moment(found.at):
                found.part, found.line, found.at = part, number, at
    return found


def _first_match(part: Part, ends: float) -> Iterator[int | None]:
    """The number of the first line that matches, nothing where there is none, None where time ran out."""
    start = 0
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            yield None
            return
        hits = logs.search(
            part.pod, part.container, ERROR, regex=True, previous=False, start=start, limit=1, seconds=left
        )
        if hits.numbers:
            yield hits.numbers[0]
            return
        if hits.done or hits.problem or hits.searched_to <= start:
            if hits.problem:
                yield None
            return
        start = hits.searched_to
