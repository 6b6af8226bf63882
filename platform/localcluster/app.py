"""The ASGI application: health, the gate (Host, token), discovery, the API. Errors leave as a Status."""

from __future__ import annotations

import logging
import sqlite3

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from localcluster import auth, bodies, discovery, podlog, proxy, query, status, tunnel
from localcluster.api import Api
from localcluster.doors import Door
from localcluster.forward import Carrier
from localcluster.logoptions import FellBehind
from localcluster.registry import Registry
from localcluster.routing import resolve

log = logging.getLogger(__name__)
_COMPACT = "/debug/compact"


class Application:
    """Serves one registry to whoever has the token. `ready` turns false when the server is on its way out."""

    def __init__(self, registry: Registry, token: str, pod_logs: podlog.PodLogs, door: Door):
        self._registry = registry
        self._token = token
        self._door = door
        self._carrier = Carrier()
        self._api = Api(registry, pod_logs, door)
        self.ready = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        scope = auth.by_path(scope, self._token)
        if scope["type"] == "websocket":
            return await self._tunnel(scope, receive, send)
        request = Request(scope, receive, send)
        try:
            response = await self._answer(request)
        except status.ApiError as error:
            response = _refusal(error)
        except ClientDisconnect:
            return
        except sqlite3.Error as error:
            log.error("%s %s: %s", request.method, scope["path"], error)
            response = _refusal(status.storage_failed(str(error)))
        except Exception:
            log.exception("%s %s", request.method, scope["path"])
            response = _refusal(status.internal())
        try:
            await response(scope, receive, send)
        except FellBehind:  # without an end, so that it is not taken for one
            log.warning("%s is cut off: its reader is too slow", scope["path"])

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"]  # not request.url, which believes the Host header
        auth.check(path, request.headers, self._token)
        if path in auth.OPEN_PATHS:
            fine = self.ready or path == "/livez"
            return PlainTextResponse("ok" if fine else "shutting down", 200 if fine else 503)
        if asked := proxy.wanted(request.scope["raw_path"]):
            return await self._through(request, asked)
        if target := resolve(path, self._registry.served):
            return await self._api.answer(request, target)
        if request.method == "POST" and path == _COMPACT:
            return self._compact(request)
        document = discovery.document(path, request.headers["host"], self._registry.served.all())
        if document is None:
            raise status.no_such_path()
        if request.method != "GET":
            raise status.method_not_supported()
        return Response(msgspec.json.encode(document), media_type=bodies.JSON)

    async def _tunnel(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A websocket leads to a pod or a port of the node, and nowhere else."""
        try:
            auth.check(scope["path"], Headers(scope=scope), self._token)
            target = resolve(scope["path"], self._registry.served)
            if target and target.below and target.below.stream:
                pod = self._registry.get(target.kind.key, target.namespace, target.name)
                return await target.below.stream(self._door, pod, scope, receive, send)
            asked = proxy.wanted(scope["raw_path"])
            if asked is None or proxy.is_kubelet(asked):
                raise status.no_such_path()
            address = proxy.address(asked, self._registry, self._door)
        except status.ApiError as error:
            return await tunnel.refuse(error, send)
        await tunnel.carry(address, asked.path, scope, receive, send)

    async def _through(self, request: Request, asked: proxy.Wanted) -> Response:
        """To a pod, to a port of the node, or to the kubelet's own pages."""
        if not proxy.is_kubelet(asked):
            address = proxy.address(asked, self._registry, self._door)
            return await self._carrier.forward(address, asked.path, request)
        if request.method not in ("GET", "HEAD"):
            raise status.method_not_supported()
        body, media = await proxy.kubelet_page(asked, self._door)
        return Response(body, media_type=media)

    def _compact(self, request: Request) -> Response:
        """Forget all but the last `keep` changes: lets a client's handling of 410 be tried at will."""
        keep = query.number(request.query_params, "keep") or 0
        self._registry.compact(keep_seconds=float("inf"), keep=keep)
        answer = {"compacted": self._registry.store.compacted}
        return Response(msgspec.json.encode(answer), media_type=bodies.JSON)


def _refusal(error: status.ApiError) -> Response:
    headers = {}
    if error.code == 401:
        headers["www-authenticate"] = "Bearer"
    if after := error.details.get("retryAfterSeconds"):
        headers["retry-after"] = str(after)
    return Response(msgspec.json.encode(error.status()), error.code, headers, bodies.JSON)
