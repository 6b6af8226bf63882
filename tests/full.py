"""A Valkey that is full: it answers, passes hints on, and refuses whatever is written."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis


@contextmanager
def full(valkey: redis.Redis) -> Iterator[None]:
    """It may have less memory than it holds: what somebody gives back makes no room."""
    before = valkey.config_get("maxmemory")["maxmemory"]
    valkey.config_set("maxmemory", 1)
    try:
        yield
    finally:
        valkey.config_set("maxmemory", before)
