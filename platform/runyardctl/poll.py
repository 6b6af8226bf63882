"""Waiting for a condition with a deadline, for code that has no event loop."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float, interval: float = 0.02) -> bool:
    """Ask `condition` until it holds or `seconds` have passed; says whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
