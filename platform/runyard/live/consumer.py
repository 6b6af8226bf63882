"""The one websocket. Says who may listen to what; carries hints and log frames; never data of others.

Hints that come while a socket is busy are merged: a slow reader holds up nobody and fills no memory; a log
watcher that cannot keep up loses lines visibly. Rights are asked again every minute: a subscription whose
right is gone is ended, a session that is gone closes the socket.
"""

import asyncio
import json
import logging
import random
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare

from runyard.live import feeds
from runyard.live.hints import Hint
from runyard.live.hub import hub
from runyard.live.sessions import topic_of
from runyard.live.topics import Subscription, resolve
from runyard.tenancy.access import Denied
from runyard.tenancy.models import User

log = logging.getLogger(__name__)
NOT_SIGNED_IN, TOO_MUCH, BROKEN = 4401, 4400, 1011
MOST_TOPICS, MOST_BYTES = 50, 4096
PING_SECONDS, CHECK_SECONDS, SILENT_SECONDS = 15, 60, 50


class LiveConsumer(AsyncWebsocketConsumer):
    """See the protocol in docs/live.md."""

    async def connect(self) -> None:
        self.user = self.scope["user"]
        await self.accept()
        if not self.user.is_authenticated:
            return await self.close(NOT_SIGNED_IN)
        self._topics: dict[str, Subscription] = {}
        self._logs: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[str, Hint] = {}
        self._wake, self._hub_spoke = asyncio.Event(), True
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
        hub().join(found.hints, self._on_hint)
        await self._say({"topic": topic, "subscribed": True})
        if found.log:
            self._logs[topic] = self._start(self._send_log(topic, found, options))
        return None

    def _forget(self, topic: str) -> None:
        found = self._topics.pop(topic, None)
        task = self._logs.pop(topic, None)
        if task is not None:
            task.cancel()
        if found is not None:
            hub().part(found.hints, self._on_hint)
            self._pending.pop(topic, None)

    # --- hints ---

    def _on_hint(self, hint: Hint) -> None:
        """It is sent as it is, the same for all; merged with what waits, if this socket is busy."""
        waits = self._pending.get(hint.topic)
        self._pending[hint.topic] = hint if waits is None else waits | hint
        self._wake.set()

    def _on_hub(self, *_: Any) -> None:
        self._hub_spoke = True
        self._wake.set()

    def _on_session_end(self, *_: Any) -> None:
        self._tasks.append(self._start(self.close(NOT_SIGNED_IN)))

    async def _send_hints(self) -> None:
        """Send what waits; what comes meanwhile waits for the next time."""
        while True:
            if self._hub_spoke:
                self._hub_spoke = False
                await self._say(hub().state)
            pending, self._pending = self._pending, {}
            for hint in pending.values():
                await self._send(hint.event)
            await self._wake.wait()
            self._wake.clear()

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
        """Every CHECK_SECONDS, the first time sooner: a thousand that came together do not ask together."""
        wait = random.uniform(0, CHECK_SECONDS)
        while True:
            await asyncio.sleep(wait)
            wait = CHECK_SECONDS
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
            hub().join(found.hints, self._on_hint)
            await self._say({"topic": topic, "subscribed": True})  # other projects: fetch afresh
        return None

    async def _say(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, separators=(",", ":"))
        await self._send({"type": "websocket.send", "text": text})

    async def _send(self, event: dict[str, str]) -> None:
        with suppress(OSError):  # the client is gone; `disconnect` follows
            await self.base_send(event)


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
