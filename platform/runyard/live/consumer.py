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

from runyard.live.hints import Hint
from runyard.live.hub import hub
from runyard.live.looks import Unfit, read_look
from runyard.live.rows import TOPIC, Viewer
from runyard.live.sessions import topic_of
from runyard.live.topics import Subscription, resolve
from runyard.tenancy.access import Denied
from runyard.tenancy.sessions import session_key, signed_in
from workloads import log_feeds

log = logging.getLogger(__name__)
NOT_SIGNED_IN, TOO_MUCH, BROKEN = 4401, 4400, 1011
MOST_TOPICS, MOST_BYTES = 50, 16_384
PING_SECONDS, CHECK_SECONDS, SILENT_SECONDS = 15, 60, 50


class LiveConsumer(AsyncWebsocketConsumer):
    """See the protocol in docs/live.md."""

    _closed = False

    async def connect(self) -> None:
        await self.accept()
        self._session_key = session_key(self.scope)
        self.user = await database_sync_to_async(signed_in)(self._session_key)
        if self.user is None:
            return await self.close(NOT_SIGNED_IN)
        self._topics: dict[str, Subscription] = {}
        self._logs: dict[str, asyncio.Task[None]] = {}
        self._viewer = Viewer(self.user.pk, self._on_hint, self._on_moved)
        self._look: dict[str, Any] = {}  # what the page said last of the table it shows; empty for nothing
        self._waiting: dict[str, Hint] = {}
        self._busy = False
        self._heard_at = asyncio.get_running_loop().time()
        self._tasks = [self._start(loop) for loop in (self._ping(), self._recheck())]
        self._listens_to = ("hub", self._on_hub), (topic_of(self._session_key), self._on_session_end)
        for topic, listener in self._listens_to:
            hub().listen(topic, listener)
        return await self._say(hub().state)

    async def disconnect(self, code: int) -> None:
        self._leave()
        for task in [*getattr(self, "_tasks", ()), *getattr(self, "_logs", {}).values()]:
            task.cancel()

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Once: nothing may be sent after it."""
        self._leave()
        if not self._closed:
            self._closed = True
            await super().close(code, reason)

    def _leave(self) -> None:
        """Hear no more hints."""
        for topic in list(getattr(self, "_topics", ())):
            self._forget(topic)
        for topic, listener in getattr(self, "_listens_to", ()):
            hub().leave(topic, listener)

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
        if topic == TOPIC and topic in self._topics and "query" in options:
            return await self._look_again(options)
        if topic in self._topics or len(self._topics) >= MOST_TOPICS:
            return await self._say({"topic": topic[:200], "denied": "Watched already, or too many topics."})
        try:
            found = await database_sync_to_async(resolve)(self.user, topic)
        except Denied as error:
            return await self._say({"topic": topic[:200], "denied": str(error)})
        if topic == TOPIC:
            self._look = options if "query" in options else {}
        refused = self._hear(topic, found)
        await self._say({"topic": topic, "subscribed": True} | refused)
        if found.log:
            self._logs[topic] = self._start(self._send_log(topic, found, options))
        return None

    async def _look_again(self, options: dict[str, Any]) -> None:
        """The page shows other rows, or another table; no answer when all is well."""
        self._look = options
        if refused := self._hear(TOPIC, self._topics[TOPIC]):
            await self._say({"topic": TOPIC} | refused)

    def _hear(self, topic: str, found: Subscription) -> dict[str, str]:
        """Be sent rows where the page said what it shows, and hints otherwise; why rows are refused."""
        self._topics[topic] = found
        if found.rights is not None and self._look:
            try:
                self._viewer.see(found, *read_look(self._look))
            except Unfit as error:
                self._viewer.leave()
                hub().join(found.hints, self._on_hint)
                return {"refused": str(error)}
            hub().part(found.hints, self._on_hint)
        else:
            hub().join(found.hints, self._on_hint)
        return {}

    def _forget(self, topic: str) -> None:
        found = self._topics.pop(topic, None)
        task = self._logs.pop(topic, None)
        if task is not None:
            task.cancel()
        if found is not None:
            hub().part(found.hints, self._on_hint)
            self._waiting.pop(topic, None)
        if topic == TOPIC:
            self._viewer.leave()

    def _on_moved(self) -> None:
        """The feed found rights that are not those it draws for."""
        self._tasks.append(self._start(self._recheck_topic(TOPIC, moved=True)))

    # --- hints ---

    async def _on_hint(self, hint: Hint) -> None:
        """A hint, or rows: the same for all as it is; while this socket is busy, merged with what waits."""
        waits = self._waiting.get(hint.topic)
        self._waiting[hint.topic] = hint if waits is None else waits | hint
        if self._busy:
            return
        self._busy = True
        while self._waiting:
            await self._send(self._waiting.pop(next(iter(self._waiting))).event)
        self._busy = False

    def _on_hub(self, _: str, state: dict[str, str]) -> None:
        self._tasks.append(self._start(self._say(state)))

    def _on_session_end(self, *_: Any) -> None:
        self._tasks.append(self._start(self.close(NOT_SIGNED_IN)))

    # --- logs ---

    async def _send_log(self, topic: str, found: Subscription, options: dict[str, Any]) -> None:
        assert found.log is not None
        start = options.get("from") if isinstance(options.get("from"), int) else 0
        frames = log_feeds.watch(*found.log, max(0, start or 0), options.get("previous") is True)
        async with aclosing(frames) as each:
            async for frame in each:
                if frame.data:
                    await self._send({"type": "websocket.send", "bytes": frame.data})
                else:
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
            if await database_sync_to_async(signed_in)(self._session_key) != self.user:
                return await self.close(NOT_SIGNED_IN)
            for topic in list(self._topics):
                await self._recheck_topic(topic)

    async def _recheck_topic(self, topic: str, moved: bool = False) -> None:
        try:
            found = await database_sync_to_async(resolve)(self.user, topic)
        except Denied as error:
            self._forget(topic)
            return await self._say({"topic": topic, "denied": str(error)})
        had = self._topics.get(topic)
        if had is not None and (moved or (had.hints, had.rights) != (found.hints, found.rights)):
            self._forget(topic)
            refused = self._hear(topic, found)
            await self._say({"topic": topic, "subscribed": True} | refused)  # other rights: fetch afresh
        return None

    async def _say(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, separators=(",", ":"))
        await self._send({"type": "websocket.send", "text": text})

    async def _send(self, event: dict[str, Any]) -> None:
        """Nothing once closed. Waits while the client does not read; one that is gone is no error."""
        if not self._closed:
            with suppress(OSError):  # `disconnect` follows
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
