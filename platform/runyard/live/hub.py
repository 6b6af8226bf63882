"""One Redis subscription for all sockets of this process; hints fan out from here.

A socket joins the audience of its topics, or listens to one. When Redis is gone, or hangs, every socket
hears "stale", and "live" once it is back; "live" with a reason when it takes no tasks.
"""

import asyncio
import json
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import redis.asyncio as redis
from django.conf import settings

from runyard.kit.broker import PROBE, refusal
from runyard.kit.measures import SOCKETS
from runyard.kit.publish import CHANNEL
from runyard.live.audience import Audience, Ear

log = logging.getLogger(__name__)
ANSWER_SECONDS = 5.0
RECENT_SECONDS, MOST_RECENT = 10.0, 5_000
Listener = Callable[[str, Any], None]  # (topic, payload); must not block


class Hub:
    """Call every method on the event loop; the reader starts with the first listener."""

    def __init__(self, url: str):
        self._url = url
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._audiences: dict[frozenset[str], Audience] = {}
        self._reader: asyncio.Task[None] | None = None
        self._recent: deque[tuple[float, list[tuple[str, Any]]]] = deque(maxlen=MOST_RECENT)
        self.state = {"state": "connecting", "why": ""}

    @property
    def sockets(self) -> int:
        """How many are open: each listens to the hub's own state."""
        return len(self._listeners.get("hub", ()))

    def listen(self, topic: str, listener: Listener) -> None:
        """`listener` is called with every hint about `topic`; "hub" is the topic of the hub's own state."""
        self._listeners[topic].add(listener)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read(), name="hub")

    def leave(self, topic: str, listener: Listener) -> None:
        self._listeners[topic].discard(listener)
        if not self._listeners[topic]:
            del self._listeners[topic]

    def join(self, topics: frozenset[str], ear: Ear) -> None:
        """`ear` is told, merged and encoded once for all with the same `topics`, of hints about them."""
        audience = self._audiences.get(topics)
        if audience is None:
            audience = self._audiences[topics] = Audience()
            for topic in topics:
                self.listen(topic, audience.hear)
        audience.ears.add(ear)

    def part(self, topics: frozenset[str], ear: Ear) -> None:
        """Undo `join`."""
        audience = self._audiences.get(topics)
        if audience is None:
            return
        audience.ears.discard(ear)
        if not audience.ears:
            del self._audiences[topics]
            for topic in topics:
                self.leave(topic, audience.hear)

    def recent(self, topics: frozenset[str]) -> Iterator[tuple[str, Any]]:
        """The hints about `topics` of the last seconds, for who may have just missed them."""
        since = time.monotonic() - RECENT_SECONDS
        recent = (hints for at, hints in tuple(self._recent) if at >= since)
        return ((topic, payload) for hints in recent for topic, payload in hints if topic in topics)

    async def _read(self) -> None:
        wait = 0.2
        while not _cancelled():
            try:
                await self._follow()
                wait = 0.2
            except (redis.RedisError, OSError, TimeoutError) as error:
                if self.state["state"] != "stale":
                    log.warning("Redis does not answer: %s", error)
                self._say("stale", "Redis does not answer.")  # its own words are not for every browser
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)

    async def _follow(self) -> None:
        # No socket timeout: a quiet hour is no fault. A server that does not answer a ping in time is one.
        client = redis.Redis.from_url(self._url, socket_timeout=None, socket_connect_timeout=5)
        async with client, client.pubsub() as pubsub:
            async with asyncio.timeout(ANSWER_SECONDS):
                await pubsub.subscribe(CHANNEL)
            answered, look_at, why = True, 0.0, ""
            while not _cancelled():
                message = await pubsub.get_message(timeout=ANSWER_SECONDS)
                if message is None:
                    if not answered:
                        raise redis.TimeoutError(f"no answer for {ANSWER_SECONDS} s")
                    await pubsub.ping()
                    answered = False
                    continue
                answered = True
                if time.monotonic() >= look_at:
                    why, look_at = await _takes_no_tasks(client), time.monotonic() + ANSWER_SECONDS
                self._say("live", why)
                if message["type"] == "message":
                    self._dispatch(message["data"])

    def _dispatch(self, data: bytes) -> None:
        """One message holds the hints of one `publish`."""
        try:
            hints = json.loads(data)
            self._recent.append((time.monotonic(), hints))
            for topic, payload in hints:
                for listener in tuple(self._listeners.get(topic, ())):
                    listener(topic, payload)
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("a hint that is none was dropped: %.100r", data)

    def _say(self, name: str, why: str = "") -> None:
        """What became of the link to Redis, as sockets tell it: "live" or "stale"."""
        state = {"state": name, "why": why}
        if self.state == state:
            return
        self.state = state
        for listener in tuple(self._listeners.get("hub", ())):
            listener("hub", self.state)


async def _takes_no_tasks(client: redis.Redis) -> str:
    """Why, and what to do about it; empty when it does. Raises TimeoutError, as for any other silence."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.set(**PROBE)
    except redis.ResponseError as error:
        return " ".join(refusal(error) or ())
    return ""


def _cancelled() -> bool:
    """Whether this task was asked to end, whatever became of that while a client connected."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


SOCKETS.set_function(lambda: sum(hub.sockets for hub in _hubs.values()))


def hub() -> Hub:
    """The hub of the running event loop (one per process in production)."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs.clear()
        _hubs[loop] = Hub(settings.REDIS_URL)
    return _hubs[loop]
