"""GET of kinds that the node measures when asked (metrics.k8s.io), one or a list. Only `api` calls it."""

from __future__ import annotations

import msgspec

from localcluster import listing
from localcluster.doors import Door, Obj
from localcluster.query import ListOptions
from localcluster.registry import selection
from localcluster.routing import Target
from localcluster.status import method_not_supported, not_found


async def answer(door: Door, target: Target, options: ListOptions) -> bytes:
    """The JSON of the object or of a List; ApiError 404 for what is not measured now, 405 for a watch."""
    assert target.kind.measure is not None
    if options.watch:
        raise method_not_supported()
    found = [one for one in await target.kind.measure(door) if _is_within(one, target.namespace)]
    if target.name:
        for one in found:
            if one["metadata"]["name"] == target.name:
                return msgspec.json.encode(one)
        raise not_found(target.kind.key, target.name)
    chosen = selection(target.kind, options.labels, options.fields)
    bodies = [body for one in found if chosen.takes(body := msgspec.json.encode(one))]
    return listing.envelope(target.kind, {}, bodies)


def _is_within(obj: Obj, namespace: str | None) -> bool:
    return namespace is None or obj["metadata"].get("namespace") == namespace
