"""Lets a websocket in only from a page of ours: the full origin must be one of settings.ORIGINS.

Channels' own validator compares hosts alone, so a page on another port of the same host would pass.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

App = Callable[[dict[str, Any], Any, Any], Awaitable[Any]]


class SameOrigin:
    """ASGI middleware: refuses (HTTP 403) a handshake without an allowed Origin and Host."""

    def __init__(self, app: App):
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin1").rstrip("/").lower()
        host, _ = split_domain_port(headers.get(b"host", b"").decode("latin1"))
        ours = {allowed.rstrip("/").lower() for allowed in settings.ORIGINS}
        if origin in ours and validate_host(host, settings.ALLOWED_HOSTS):
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 4403})
