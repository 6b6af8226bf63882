"""Hears hints about workloads, for a process without an event loop. A hint that is lost costs only time."""

import json
import logging
import threading
from collections.abc import Callable

import redis
from django.conf import settings

from runyard.kit.publish import CHANNEL

log = logging.getLogger(__name__)
ANSWER_SECONDS, RETRY_SECONDS = 30.0, 5.0


def hear(tell: Callable[[set[int]], None], stop: threading.Event) -> None:
    """`tell` is given the numbers of workloads that changed, until `stop` is set."""
    while not stop.is_set():
        try:
            _follow(tell, stop)
        except (redis.RedisError, OSError) as error:
            log.info("no hints, Redis does not answer: %s", error)
            stop.wait(RETRY_SECONDS)


def _follow(tell: Callable[[set[int]], None], stop: threading.Event) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10, health_check_interval=30)
    with client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(CHANNEL)
        while not stop.is_set():
            message = pubsub.get_message(timeout=ANSWER_SECONDS)
            if message is not None and (found := workloads_in(message["data"])):
                tell(found)


def workloads_in(data: bytes) -> set[int]:
    """The workloads that one message is about."""
    try:
        topics = [topic.partition(":") for topic, _ in json.loads(data)]
    except (ValueError, TypeError, AttributeError):
        return set()
    return {int(name) for kind, _, name in topics if kind == "workload" and name.isdigit()}
