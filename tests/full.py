"""A Valkey that is full, or writes for its user no more than tasks: it answers, and passes hints on."""

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


def limit_to_tasks(valkey: redis.Redis) -> None:
    """From now on there is a user "worker" with the password "word", for the keys of Celery alone."""
    keys = ["celery*", "_kombu*", "unacked*"]
    valkey.acl_setuser(
        "worker", enabled=True, passwords=["+word"], keys=keys, channels=["*"], categories=["+@all"]
    )
