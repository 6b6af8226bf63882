"""The ASGI door to tools: every request whose host lies in their domain, and nothing else, comes here.

Each tool has an origin and a cookie of its own; ours are never sent there. What is asked from another origin
is refused but for a plain visit, so that one tool's page cannot use another with a person's cookie.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import parse_cookie
from django.urls import reverse

from runyard.connect import upstream, visits
from runyard.connect.answering import is_visit, problem, redirect
from runyard.connect.asking import NotReady, asked
from runyard.connect.door import Door
from runyard.connect.forward import NoAnswer, Unreached, forward
from runyard.connect.headers import to_tool
from runyard.connect.hosts import Place, is_secure, is_tool_host, origin_of, place_of
from runyard.connect.passage import Passage
from runyard.connect.room import Full, Room
from runyard.connect.tunnel import tunnel
from runyard.connect.upstream import Asked, BadPath
from runyard.tenancy.access import Denied

App = Callable[[dict[str, Any], Any, Any], Awaitable[Any]]
ENTER = "/.runyard/enter"
NOT_OURS, GONE, LATER = 4403, 4401, 1013


class Tools:
    """ASGI middleware: tools by their hosts, `app` for every other host."""

    def __init__(self, app: App):
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._app, self._door, self._room = app, Door(), Room()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if not is_tool_host(_header(scope, b"host")):
            return await self._app(scope, receive, send)
        place = place_of(_header(scope, b"host"))
        handle = self._http if scope["type"] == "http" else self._websocket
        return await handle(scope, receive, send, place)

    async def _http(self, scope: dict[str, Any], receive: Any, send: Any, place: Place | None) -> None:
        if place is None:
            return await problem(send, scope, 404, "No tool has this address. Open it from its workload.")
        cookie = _cookie(scope)
        try:
            if scope["path"] == ENTER:
                return await _enter(scope, send, place)
            if not _same_origin(scope, place):
                words = "A page of another origin asked for this."
                return await problem(send, scope, 403, words, _back(place))
            if _is_worker_of_all(scope):
                words = "A service worker of the whole host would see how people are let in; none is allowed."
                return await problem(send, scope, 403, words, _back(place))
            passage = await self._let(scope, receive, send, place, cookie)
            with self._room.taken(cookie, passage.person):
                return await forward(passage)
        except (Denied, NotReady, Unreached) as error:
            self._door.forget(cookie, place)  # it may be elsewhere by now
            if is_visit(scope) and scope["method"] == "GET":  # there one reads why, and comes back by oneself
                return await redirect(send, settings.ORIGINS[0] + _connect_page(place))
            status = 403 if isinstance(error, Denied) else 503
            return await problem(send, scope, status, str(error), _back(place))
        except BadPath as error:
            return await problem(send, scope, 400, str(error), _back(place))
        except (NoAnswer, Full) as error:
            return await problem(send, scope, error.status, str(error), _back(place))

    async def _websocket(self, scope: dict[str, Any], receive: Any, send: Any, place: Place | None) -> None:
        if place is None or _header(scope, b"origin") != origin_of(place):
            return await send({"type": "websocket.close", "code": NOT_OURS})
        cookie = _cookie(scope)
        try:
            passage = await self._let(scope, receive, send, place, cookie)
            with self._room.taken(cookie, passage.person):
                return await tunnel(passage)
        except (Denied, BadPath, NotReady):
            return await send({"type": "websocket.close", "code": GONE})
        except Full:
            return await send({"type": "websocket.close", "code": LATER})

    async def _let(
        self, scope: dict[str, Any], receive: Any, send: Any, place: Place, cookie: str
    ) -> Passage:
        """Raises BadPath, Denied and NotReady."""
        wanted = Asked.of(scope)
        let = await self._door.open(cookie, place)
        headers = to_tool(scope["headers"], _host(place), _ours(), is_secure())
        still = partial(self._still, cookie, place)
        return Passage(scope, receive, send, let.target, let.person, wanted, headers, still)

    async def _still(self, cookie: str, place: Place) -> bool:
        """Whether the visit of `cookie` holds now."""
        try:
            await self._door.check(cookie, place)
        except Denied:
            return False
        except NotReady:  # a database that is back will be seen
            return True
        return True


def _is_news(record: logging.LogRecord) -> bool:
    """Not that an answer was left incomplete: so a tool's end is passed on, and its cause was told."""
    return "returned without completing response" not in record.getMessage()


async def _live(receive: Any, send: Any) -> None:
    """Nothing to begin; at the end the connections are given back."""
    while (event := (await receive())["type"]) != "lifespan.shutdown":
        await send({"type": f"{event}.complete"})
    await upstream.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _enter(scope: dict[str, Any], send: Any, place: Place) -> None:
    """A ticket becomes a cookie of this host. Raises Denied and NotReady."""
    query = parse_qs(scope["query_string"].decode("latin1"))
    cookie = await asked(visits.enter, query.get("ticket", [""])[0], place)
    secure = "; Secure" if is_secure() else ""
    to = query.get("to", ["/"])[0]
    safe = to if to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() else "/"
    age = int(visits.LONGEST.total_seconds())
    await redirect(
        send, safe, f"{cookie_name()}={cookie}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
    )


def cookie_name() -> str:
    """Over TLS one that no other host of the domain can set."""
    return "__Host-runyard_tool" if is_secure() else "runyard_tool"


def _ours() -> frozenset[str]:
    return frozenset({cookie_name(), settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME})


def _same_origin(scope: dict[str, Any], place: Place) -> bool:
    """Whether the tool's own page asks; a plain visit (a link, the address bar) may come from anywhere."""
    origin, site = _header(scope, b"origin"), _header(scope, b"sec-fetch-site")
    visit = scope["method"] in ("GET", "HEAD") and _header(scope, b"sec-fetch-mode") == "navigate"
    if site:
        return site in ("same-origin", "none") or (visit and _header(scope, b"sec-fetch-dest") == "document")
    return not origin or origin == origin_of(place)


def _is_worker_of_all(scope: dict[str, Any]) -> bool:
    """Whether the script of a service worker is fetched that may watch ENTER too: one in no folder."""
    return _header(scope, b"service-worker") == "script" and scope["raw_path"].count(b"/") < 2


def _back(place: Place) -> str:
    return settings.ORIGINS[0] + reverse("workload", args=[place.workload])


def _connect_page(place: Place) -> str:
    return reverse("workload-connect", args=[place.workload, place.tool])


def _host(place: Place) -> str:
    return origin_of(place).split("://", 1)[1]


def _cookie(scope: dict[str, Any]) -> str:
    return parse_cookie(_header(scope, b"cookie")).get(cookie_name(), "")


def _header(scope: dict[str, Any], name: bytes) -> str:
    """The first one of that name, or nothing."""
    for found, value in scope["headers"]:
        if found == name:
            return value.decode("latin1")
    return ""
