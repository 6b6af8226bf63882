"""Whether Redis takes tasks: one that is full answers, passes hints on, and refuses whatever is written.

The hub and the doctor ask, each in its own way: by writing PROBE, a key of no use that goes by itself.
"""

from typing import Any

import redis

PROBE: dict[str, Any] = {"name": "runyard:probe", "value": b"", "px": 1_000}


def refusal(error: redis.ResponseError) -> tuple[str, str] | None:
    """Why it takes none, and what to do about it; `error` is its answer to the PROBE.

    None for an answer that says nothing of tasks, as where its user may not write the PROBE's key.
    """
    waits = "what people ask waits, and is done once it takes tasks again."
    if isinstance(error, redis.OutOfMemoryError):
        return f"Redis is full: {waits}", "Give it more maxmemory, or remove what others keep in it."
    if isinstance(error, redis.ReadOnlyError):
        return f"Redis is a read-only replica: {waits}", "Let RUNYARD_REDIS_URL name its primary."
    if str(error).startswith("MISCONF"):
        return f"Redis cannot save what it holds: {waits}", "Give it room on its disk; its log says more."
    return None
