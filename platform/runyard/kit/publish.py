"""Hints to whoever watches: "something about this topic changed". Sent after commit, never data.

A hint that is lost costs nothing but time, so no Redis is no error: pages fetch again by themselves.
"""

import json
import logging
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from runyard.kit.background import soon

log = logging.getLogger(__name__)
CHANNEL = "runyard:hints"


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def publish(*hints: tuple[str, Any]) -> None:
    """Send (topic, payload) hints now, as one message; use `publish_on_commit` inside transactions."""
    if not hints:
        return
    try:
        _redis().publish(CHANNEL, json.dumps(hints, separators=(",", ":")))
    except redis.RedisError as error:
        log.warning("no hint sent, Redis does not answer: %s", error)


def publish_on_commit(*hints: tuple[str, Any]) -> None:
    """Send the hints once the current transaction is committed, in the background."""
    transaction.on_commit(lambda: soon(publish, *hints), robust=True)
