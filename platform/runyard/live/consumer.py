"""The one websocket. Says who may listen to what; carries hints and log frames; never data of others.

Hints that come while a socket is busy are merged; a log watcher that cannot keep up loses lines visibly.
Rights are asked again every minute: a subscription whose right is gone is ended, a session that is gone
closes the socket.
"""

import asyncio
import json
import logging
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare

from runyard.live import feeds
from runyard.live.hub import hub
from runyard.live.sessions import topic_of
from runyard.live.topics import Subscription, resolve
from runyard.tenancy.access import Denied
from runyard.tenancy.models import User

log = logging.getLogger(__name__)
NOT_SIGNED_IN, TOO_MUCH, BROKEN = 4401, 4400, 1011
MOST_TOPICS, MOST_BYTES, MOST_MERGED = 50, 4096, 500
PING_SECONDS, CHECK_SECONDS, SILENT_SECONDS, GATHER_SECONDS = 15, 60, 50, 0.05


class LiveConsumer(AsyncWebsocketConsumer):
    """See the protocol in docs/live.md."""

    async def connect(self) -> None:
        self.user = self.scope["user"]
        await self.accept()
        if not self.user.is_authenticated:
            return await self.close(NOT_SIGNED_IN)
        self._topics: dict[str, Subscription] = {}
        self._logs: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[str, Any] = {}
        self._wake = asyncio.Event()
        self._heard_at = asyncio.get_running_loop().time()
        self._tasks = [self._start(loop) for loop in (self._send_hints(), self._ping(), self._recheck())]
        self._session = topic_of(self.scope["session"].session_key)
        hub().listen("hub", self._on_hub)
        hub().listen(self._session, self._on_session_end)
        return None

    async def disconnect(self, code: int) -> None:
        for task in [*getattr(self, "_tasks", ()), *getattr(self, "_logs", {}).values()]:
            task.cancel()
        for topic in list(getattr(self, "_topics", ())):
            self._forget(topic)
        if hasattr(self, "_tasks"):
            hub().leave("hub", self._on_hub)
            hub().leave(self._session, self._on_session_end)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not hasattr(self, "_tasks"):
            return
        self._heard_at = asyncio.get_running_loop().time()
        message = _parse(text_data)
        if message is None:
            return await self.close(TOO_MUCH)
        if isinstance(message.get("subscribe"), str):
            await self._subscribe(message["subscribe"], message)
        elif isinstance(message.get("unsubscribe"), str):
            self._forget(message["unsubscribe"])
        return None

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside the socket; should it fail the socket closes, and the page opens a new one."""
        return asyncio.create_task(self._guard(work))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("a live socket is closed")
            await self.close(BROKEN)

    async def _subscribe(self, topic: str, options: dict[str, Any]) -> None:
        if topic in self._topics or len(self._topics) >= MOST_TOPICS:
            return await self._say({"topic": topic[:200], "denied": "Watched already, or too many topics."})
        try:
            found = await database_sync_to_async(resolve)(self.user, topic)
        except Denied as error:
            return await self._say({"topic": topic[:200], "denied": str(error)})
        self._topics[topic] = found
        for name in found.hints:
            hub().listen(name, self._on_hint)
        await self._say({"topic": topic, "subscribed": True})
        if found.log:
            self._logs[topic] = self._start(self._send_log(topic, found, options))
        return None

    def _forget(self, topic: str) -> None:
        found = self._topics.pop(topic, None)
        task = self._logs.pop(topic, None)
        if task is not None:
            task.cancel()
        still = {name for other in self._topics.values() for name in other.hints}
        for name in (found.hints if found else frozenset()) - still:
            hub().leave(name, self._on_hint)

    # --- hints ---

    def _on_hint(self, topic: str, payload: Any) -> None:
        """Merge with what waits: ids of changed rows, one row's latest version, each cluster's state."""
        if topic == "clusters":
            self._pending.setdefault(topic, {})[payload["name"]] = payload
        elif topic.startswith("workloads:"):
            self._pending.setdefault("workloads", set()).update(payload)
        else:
            self._pending[topic] = max(payload, self._pending.get(topic, 0))
        self._wake.set()

    def _on_hub(self, _: str, state: dict[str, Any]) -> None:
        self._pending["hub"] = {"state": "live" if state["live"] else "stale", "why": state["why"]}
        self._wake.set()

    def _on_session_end(self, *_: Any) -> None:
        self._tasks.append(self._start(self.close(NOT_SIGNED_IN)))

    async def _send_hints(self) -> None:
        """Send what has gathered; what comes meanwhile gathers for the next time."""
        await self._say({"state": "live" if hub().live else "connecting", "why": ""})
        while True:
            await self._wake.wait()
            self._wake.clear()
            pending, self._pending = self._pending, {}
            for topic, gathered in pending.items():
                await self._say(_message(topic, gathered))
            await asyncio.sleep(GATHER_SECONDS)

    # --- logs ---

    async def _send_log(self, topic: str, found: Subscription, options: dict[str, Any]) -> None:
        assert found.log is not None
        start = options.get("from") if isinstance(options.get("from"), int) else 0
        frames = feeds.watch(*found.log, max(0, start or 0), options.get("previous") is True)
        async with aclosing(frames) as each:
            async for frame in each:
                await self._say(frame.message(topic))

    # --- keeping it honest ---

    async def _ping(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(PING_SECONDS)
            if asyncio.get_running_loop().time() - self._heard_at > SILENT_SECONDS:
                return await self.close(TOO_MUCH)
            number += 1
            await self._say({"ping": number})

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if not await _still_signed_in(self.scope):
                return await self.close(NOT_SIGNED_IN)
            for topic in list(self._topics):
                await self._recheck_topic(topic)

    async def _recheck_topic(self, topic: str) -> None:
        try:
            found = await database_sync_to_async(resolve)(self.user, topic)
        except Denied as error:
            self._forget(topic)
            return await self._say({"topic": topic, "denied": str(error)})
        had = self._topics.get(topic)
        if had is not None and had.hints != found.hints:
            self._forget(topic)
            self._topics[topic] = found
            for name in found.hints:
                hub().listen(name, self._on_hint)
        return None

    async def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # the client is gone; `disconnect` follows
            await self.send(text_data=json.dumps(message, separators=(",", ":")))


def _message(topic: str, gathered: Any) -> dict[str, Any]:
    if topic == "hub":
        return gathered
    if topic == "clusters":
        return {"topic": topic, "hint": list(gathered.values())}
    if topic == "workloads":
        return {"topic": topic, "hint": sorted(gathered) if len(gathered) <= MOST_MERGED else "all"}
    return {"topic": topic, "hint": gathered}


def _parse(text: str | None) -> dict[str, Any] | None:
    """A client's frame: a small JSON object; None for anything else."""
    if text is None or len(text) > MOST_BYTES:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


@database_sync_to_async
def _still_signed_in(scope: dict[str, Any]) -> bool:
    """Whether the session that opened the socket lives, of the same active person with the same password."""
    session = SessionStore(scope["session"].session_key).load()
    user = User.objects.filter(pk=scope["user"].pk, is_active=True).first()
    if user is None or session.get(SESSION_KEY) != str(user.pk):
        return False
    return constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
