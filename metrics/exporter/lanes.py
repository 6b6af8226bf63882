"""Threads for calls that may never come back: each lane has one, and a stuck lane takes no new call."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Hangs(Exception):
    """A call has not come back in time."""


class Lane:
    """Runs calls one after another, beside everybody else. One that hangs does not keep us alive."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._last: Future[Any] | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def busy(self) -> bool:
        """An earlier call has not come back."""
        return self._last is not None and not self._last.done()

    def start(self, call: Callable[[], Any]) -> "Future[Any] | None":
        """The call's future, None when an earlier one hangs: then this one is not made."""
        if self.busy:
            return None
        self._last = Future()
        self._calls.put((call, self._last))
        return self._last

    def call(self, call: Callable[[], Any], seconds: float) -> Any:
        """Its result or its exception; Hangs when that takes longer than `seconds`."""
        return result(self.start(call), time.monotonic() + seconds)

    def _run(self) -> None:
        while True:
            call, future = self._calls.get()
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)


def result(future: "Future[Any] | None", deadline: float) -> Any:
    """What a call gave, by a time of the monotonic clock; Hangs after it."""
    if future is None:
        raise Hangs
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        if future.done():
            raise
        raise Hangs from None
