"""The verbs over HTTP: each method reads a request, asks the registry, and renders what comes back.

Knows no kind by name; `routing` has said which row of the table a request is about. Only `app` calls it.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from localcluster import bodies, containers, listing, measured, patch, podlog, query, scaling, status, tables
from localcluster.doors import Door
from localcluster.kinds.shape import as_shape
from localcluster.registry import Registry, Write
from localcluster.resources import Kind, Obj
from localcluster.routing import Target
from localcluster.streams import Watch

_GZIP_FROM_BYTES = 128 * 1024
Handler = Callable[[Request, Target], Awaitable[Response]]


class Api:
    """The handlers, over one registry; `pod_logs` reads a container's log (see podlog.PodLogs)."""

    def __init__(self, registry: Registry, pod_logs: podlog.PodLogs, door: Door):
        self._registry = registry
        self._pod_logs = pod_logs
        self._door = door

    async def answer(self, request: Request, target: Target) -> Response:
        """Find the handler by what is addressed and how; 405 for a verb the table does not give."""
        handler, verb = self._route(request.method, target)
        verbs = target.below.verbs if target.below else target.kind.verbs
        if handler is None or verb not in verbs:
            raise status.method_not_supported()
        return await handler(request, target)

    def _route(self, method: str, target: Target) -> tuple[Handler | None, str]:
        if target.below:
            routes = self._below_routes(target)
        elif target.kind.measure:
            routes = {"GET": (self.measured, "get" if target.name else "list")}
        elif target.name:
            routes = {
                "GET": (self.get, "get"),
                "PUT": (self.update, "update"),
                "PATCH": (self.patch, "patch"),
                "DELETE": (self.delete, "delete"),
            }
        else:
            create = self.ask if target.kind.answer else self.create
            routes = {
                "GET": (self.list_or_watch, "list"),
                "POST": (create, "create"),
                "DELETE": (self.delete_collection, "deletecollection"),
            }
        return routes.get(method, (None, ""))

    def _below_routes(self, target: Target) -> dict[str, tuple[Handler, str]]:
        if target.below and target.below.post:
            return {"POST": (self.post_below, "create")}
        if target.below and target.below.stream:
            return {"GET": (self.upgrade, "get"), "POST": (self.upgrade, "create")}
        if target.below and target.below.scale:
            return {
                "GET": (self.scale, "get"),
                "PUT": (self.put_scale, "update"),
                "PATCH": (self.put_scale, "patch"),
            }
        if target.below and not target.below.writes:
            return {"GET": (self.log, "get")}
        return {"GET": (self.get, "get"), "PUT": (self.update, "update"), "PATCH": (self.patch, "patch")}

    async def get(self, request: Request, target: Target) -> Response:
        listing.check_reached(self._registry, query.version(request.query_params))
        body = self._registry.get_bytes(target.kind.key, target.namespace, target.name)
        return _json(request, tables.of_one(target.kind, body) if tables.is_wanted(request) else body)

    async def list_or_watch(self, request: Request, target: Target) -> Response:
        options = query.list_options(request.query_params)
        if options.watch:
            watch = Watch.open(self._registry, target.kind, target.namespace, options)
            events = watch.events()
            told = tables.of_events(target.kind, events) if tables.is_wanted(request) else events
            return StreamingResponse(told, media_type=bodies.JSON)
        body = listing.answer(self._registry, target.kind, target.namespace, options)
        return _json(request, tables.of_list(target.kind, body) if tables.is_wanted(request) else body)

    async def measured(self, request: Request, target: Target) -> Response:
        options = query.list_options(request.query_params)
        body = await measured.answer(self._door, target, options)
        return _json(request, body)

    async def create(self, request: Request, target: Target) -> Response:
        obj = await self._object(request, target.kind)
        dry = query.dry_run(request.query_params.getlist("dryRun"))
        manager = _manager(request)
        made = self._registry.create(target.kind.key, target.namespace, obj, manager=manager, dry_run=dry)
        return _json(request, msgspec.json.encode(made), 201)

    async def ask(self, request: Request, target: Target) -> Response:
        obj = as_shape(await self._object(request, target.kind), target.kind)
        assert target.kind.answer is not None
        return _json(request, msgspec.json.encode(target.kind.answer(obj)), 201)

    async def update(self, request: Request, target: Target) -> Response:
        obj = await self._object(request, target.kind)
        return self._replace(request, target, obj)

    async def patch(self, request: Request, target: Target) -> Response:
        media, body = bodies.media_type(request), await bodies.read(request)
        if media == patch.APPLY_PATCH:
            return self._apply(request, target, body)
        if request.query_params.get("force"):
            problems = query.Problems()
            problems.forbidden("force", "may not be specified for non-apply patch")
            query.refuse("PatchOptions", problems)
        if media not in patch.SUPPORTED:
            raise status.unsupported_media_type(media, patch.SUPPORTED)
        kind = target.kind
        old = self._registry.get(kind.key, target.namespace, target.name)
        new = patch.patched(old, bodies.parse_json(body), media, kind.lists)
        _check_kind(new, kind)
        return self._replace(request, target, new)

    def _replace(self, request: Request, target: Target, obj: Obj) -> Response:
        write = self._write(request, target)
        updated = self._registry.update(
            target.kind.key,
            target.namespace,
            target.name,
            obj,
            subresource=write.subresource,
            manager=write.manager,
            dry_run=write.dry_run,
        )
        return _json(request, msgspec.json.encode(updated))

    def _apply(self, request: Request, target: Target, body: bytes) -> Response:
        wanted = bodies.parse_object(body, bodies.YAML)
        if not request.query_params.get("fieldManager"):
            problems = query.Problems()
            problems.required("fieldManager", "is required for apply patch")
            query.refuse("PatchOptions", problems)
        _check_kind(wanted, target.kind, required=True)
        force, write = query.flag(request.query_params, "force"), self._write(request, target)
        obj, created = self._registry.apply(
            target.kind.key, target.namespace, target.name, wanted, write, force=force
        )
        return _json(request, msgspec.json.encode(obj), 201 if created else 200)

    async def delete(self, request: Request, target: Target) -> Response:
        how = await self._deletion(request)
        kind = target.kind
        obj, gone = self._registry.remove(kind.key, target.namespace, target.name, how)
        if gone and not kind.returns_deleted:
            obj = status.success(kind.key, target.name, obj["metadata"]["uid"])
        return _json(request, msgspec.json.encode(obj))

    async def delete_collection(self, request: Request, target: Target) -> Response:
        """Delete what the selectors choose; answers with the list of it."""
        how = await self._deletion(request)
        options = query.list_options(request.query_params)
        kind = target.kind
        version = self._registry.store.version
        chosen = self._registry.list(kind.key, target.namespace, labels=options.labels, fields=options.fields)
        for obj in chosen:
            try:
                self._registry.remove(
                    kind.key, obj["metadata"].get("namespace"), obj["metadata"]["name"], how
                )
            except status.ApiError as error:
                if error.code != 404:
                    raise
        found = [msgspec.json.encode(obj) for obj in chosen]
        return _json(request, listing.envelope(kind, {"resourceVersion": str(version)}, found))

    async def post_below(self, request: Request, target: Target) -> Response:
        body = bodies.parse_object(await bodies.read(request), bodies.media_type(request))
        assert target.below is not None
        assert target.below.post is not None
        options = body.get("deleteOptions") or {}  # an eviction's; nobody else has any
        if not isinstance(options, dict):
            raise status.bad_request("deleteOptions: must be an object")
        how = query.deletion(request.query_params, options, request.query_params.getlist("dryRun"))
        made = target.below.post(self._registry, target.namespace or "", target.name, body, how)
        return _json(request, msgspec.json.encode(made), 201)

    async def scale(self, request: Request, target: Target) -> Response:
        obj = self._registry.get(target.kind.key, target.namespace, target.name)
        return _json(request, msgspec.json.encode(scaling.shown(_scale(target), obj)))

    async def put_scale(self, request: Request, target: Target) -> Response:
        """A whole Scale, or a patch of one; it changes the number of replicas alone."""
        media, body = bodies.media_type(request), await bodies.read(request)
        kind, scale, write = target.kind, _scale(target), self._write(request, target)

        def change(obj: Obj) -> None:
            if request.method == "PUT":
                said = bodies.parse_object(body, media)
            else:
                said = patch.patched(scaling.shown(scale, obj), bodies.parse_json(body), media, {})
            scaling.put(scale, obj, said, kind.key)

        obj = self._registry.mutate(
            kind.key, target.namespace, target.name, change, manager=write.manager, dry_run=write.dry_run
        )
        return _json(request, msgspec.json.encode(scaling.shown(scale, obj)))

    async def upgrade(self, request: Request, target: Target) -> Response:
        """What is spoken over a websocket only; `app` leads those there."""
        self._registry.get(target.kind.key, target.namespace, target.name)
        raise status.bad_request("Upgrade request required")

    async def log(self, request: Request, target: Target) -> Response:
        """Stream a container's log; a pod that no node has yet has an empty one."""
        pod = self._registry.get(target.kind.key, target.namespace, target.name)
        options = podlog.options(request.query_params)
        container = containers.container(pod, request.query_params.get("container", ""))
        if not pod["spec"].get("nodeName"):
            return Response(b"", media_type="text/plain")
        containers.check_started(pod, container, options.previous)
        chunks = self._pod_logs(target.namespace or "", target.name, container, options)
        return StreamingResponse(_until_closed(chunks, self._registry), media_type="text/plain")

    async def _object(self, request: Request, kind: Kind) -> Obj:
        obj = bodies.parse_object(await bodies.read(request), bodies.media_type(request))
        _check_kind(obj, kind)
        return obj

    async def _deletion(self, request: Request) -> query.Deletion:
        body = await bodies.read(request)
        options = bodies.parse_object(body, bodies.media_type(request)) if body.strip() else {}
        return query.deletion(request.query_params, options, request.query_params.getlist("dryRun"))

    def _write(self, request: Request, target: Target) -> Write:
        dry = query.dry_run(request.query_params.getlist("dryRun"))
        return Write(_manager(request), target.below.name if target.below else None, dry)


def _scale(target: Target) -> scaling.Scale:
    assert target.below is not None
    assert target.below.scale is not None
    return target.below.scale


def _manager(request: Request) -> str:
    return query.field_manager(request.query_params, request.headers.get("user-agent", ""))


def _check_kind(obj: Obj, kind: Kind, required: bool = False) -> None:
    """The kind and apiVersion of a body, where given, must be those of its path."""
    given, version = obj.get("kind"), obj.get("apiVersion")
    if required and not (given and version):
        raise status.bad_request("kind and apiVersion must be set on an object that is applied")
    if given not in (None, "", kind.kind):
        what = f"{given} in version {version or kind.api_version}"
        raise status.bad_request(f"the object provided is unrecognized (must be of type {kind.kind}): {what}")
    if version not in (None, "", kind.api_version):
        words = f"the API version in the data ({version}) does not match the expected API version"
        raise status.bad_request(f"{words} ({kind.api_version})")


def _json(request: Request, body: bytes, code: int = 200) -> Response:
    """A JSON answer, compressed when it is long and the client asked for that."""
    headers = {}
    if len(body) > _GZIP_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers = gzip.compress(body, 1), {"content-encoding": "gzip", "vary": "Accept-Encoding"}
    return Response(body, code, headers, bodies.JSON)


async def _until_closed(chunks: AsyncIterator[bytes], registry: Registry) -> AsyncIterator[bytes]:
    """The chunks of a log, until it ends or the server closes."""
    async for chunk in chunks:
        yield chunk
        if registry.waker.closed:
            return
