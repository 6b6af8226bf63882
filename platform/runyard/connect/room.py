"""How many requests and websockets may be open towards tools at once, of one visit and in all.

Each holds two sockets. One page that opens them without end must not take those of everybody.
"""

import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
#: A quarter of the files that this process may open: half of them stay for our own pages.
IN_ALL = 4096 if _FILES == resource.RLIM_INFINITY else min(4096, _FILES // 4)
OF_ONE = min(256, IN_ALL // 2)


class Full(Exception):
    """No more may be open; the message is for people, `status` that of the answer."""

    def __init__(self, words: str, status: int):
        super().__init__(words)
        self.status = status


class Room:
    """That of one process, on its event loop."""

    def __init__(self, of_one: int = OF_ONE, in_all: int = IN_ALL):
        self._of_one, self._in_all = of_one, in_all
        self._open: Counter[str] = Counter()

    @contextmanager
    def taken(self, visit: str) -> Iterator[None]:
        """One more of `visit`, for as long as this lasts. Raises Full."""
        if self._open[visit] >= self._of_one:
            words = f"{self._of_one} requests of yours to this tool are open. Close some of its tabs first."
            raise Full(words, 429)
        if self._open.total() >= self._in_all:
            words = f"{self._in_all} requests to tools are open, as many as may be. Try again in a moment."
            raise Full(words, 503)
        self._open[visit] += 1
        try:
            yield
        finally:
            self._open[visit] -= 1
            if not self._open[visit]:
                del self._open[visit]
