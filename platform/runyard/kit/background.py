"""Small things told to others after the answer is given: hints, wake-ups. One thread, in order.

Whoever asked must never wait for a Redis that hangs. What does not fit the queue is dropped: nothing
that must not be lost is sent this way.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)
MOST = 2_000

_work: queue.Queue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.Queue(MOST)
_lock = threading.Lock()
_thread: threading.Thread | None = None


def soon(work: Callable[..., Any], *args: Any) -> None:
    """Call `work(*args)` in the background; never blocks, never raises."""
    try:
        _work.put_nowait((work, args))
    except queue.Full:
        log.warning("%s is dropped: %s waits already", work.__name__, MOST)
    _start()


def _start() -> None:
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="background", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        work, args = _work.get()
        try:
            work(*args)
        except Exception:
            log.exception("%s failed in the background", work.__name__)
