"""The sockets that hear the same topics. What comes is gathered once, and encoded once, for all of them.

Used by the hub alone. Whoever hears the same topics has the same rights: an audience is made of what
`topics.resolve` allowed, never of what was asked for.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from runyard.live.hints import Hint, read

GATHER_SECONDS = 0.05
Ear = Callable[[Hint], None]  # must not block


class Audience:
    """Tells the first hint after a rest at once, and then what gathered, every GATHER_SECONDS."""

    def __init__(self) -> None:
        self.ears: set[Ear] = set()
        self._gathered: dict[str, Hint] = {}
        self._timer: asyncio.Handle | None = None

    def hear(self, name: str, payload: Any) -> None:
        """A listener of the hub. Raises TypeError, KeyError, ValueError for what is no hint."""
        hint = read(name, payload)
        had = self._gathered.get(hint.topic)
        self._gathered[hint.topic] = hint if had is None else had | hint
        if self._timer is None:  # after the rest of what came in the same breath
            self._timer = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        gathered, self._gathered, self._timer = self._gathered, {}, None
        if gathered:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._tell)
        for hint in gathered.values():
            for ear in tuple(self.ears):
                ear(hint)
