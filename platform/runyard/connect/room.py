"""How many requests and websockets may be open towards tools at once: of a visit, of a person, and in all.

Each holds two sockets. One page that opens them without end must not take those of everybody.
"""

import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

K = TypeVar("K", str, int)
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
#: A quarter of the files that this process may open: half of them stay for our own pages.
IN_ALL = 4096 if _FILES == resource.RLIM_INFINITY else min(4096, _FILES // 4)
OF_PERSON, OF_VISIT = min(1024, IN_ALL // 2), min(256, IN_ALL // 4)


class Full(Exception):
    """No more may be open; the message is for people, `status` that of the answer."""

    def __init__(self, words: str, status: int):
        super().__init__(words)
        self.status = status


class Room:
    """That of one process, on its event loop."""

    def __init__(self, of_visit: int = OF_VISIT, of_person: int = OF_PERSON, in_all: int = IN_ALL):
        self._of_visit, self._of_person, self._in_all = of_visit, of_person, in_all
        self._visits: Counter[str] = Counter()
        self._people: Counter[int] = Counter()

    @contextmanager
    def taken(self, visit: str, person: int) -> Iterator[None]:
        """One more of `visit`, which is that of `person`, for as long as this lasts. Raises Full."""
        if self._visits[visit] >= self._of_visit:
            words = f"{self._of_visit} requests of yours to this tool are open. Close some of its tabs first."
            raise Full(words, 429)
        if self._people[person] >= self._of_person:
            words = f"{self._of_person} requests of yours to tools are open. Close some of their tabs first."
            raise Full(words, 429)
        if self._people.total() >= self._in_all:
            words = f"{self._in_all} requests to tools are open, as many as may be. Try again in a moment."
            raise Full(words, 503)
        self._visits[visit] += 1
        self._people[person] += 1
        try:
            yield
        finally:
            _less(self._visits, visit)
            _less(self._people, person)


def _less(counter: Counter[K], key: K) -> None:
    """One less; nothing is kept of who has none."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
