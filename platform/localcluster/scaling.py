"""The `scale` below an object: how many there should be, in one shape for all kinds (autoscaling/v1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from localcluster import selectors
from localcluster.kinds.shape import Int, ObjectMeta, Plain, Shape
from localcluster.status import bad_request, invalid, stale
from localcluster.validation import Problems

Obj = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """Where a kind keeps them: the number wanted, the number there is, the selector of its pods."""

    wanted: Path = ("spec", "replicas")
    present: Path = ("status", "replicas")
    selector: Path = ("spec", "selector")


class ScaleSpec(Shape):
    replicas: Int | None = None


class ScaleBody(Plain):
    metadata: ObjectMeta | None = None
    spec: ScaleSpec | None = None  # type: ignore[assignment]


def shown(scale: Scale, obj: Obj) -> Obj:
    """The Scale of `obj`."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    meta = {name: obj["metadata"][name] for name in kept if name in obj["metadata"]}
    status = {"replicas": _at(obj, scale.present) or 0}
    if scale.selector and (selector := _at(obj, scale.selector)):
        status["selector"] = selector if isinstance(selector, str) else selectors.text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": meta,
        "spec": {"replicas": _at(obj, scale.wanted) or 0},
        "status": status,
    }


def put(scale: Scale, obj: Obj, body: Obj, resource: str) -> None:
    """Change `obj` to what the Scale `body` says. ApiError 400, 409 and 422."""
    try:
        said = msgspec.convert(body, ScaleBody)
    except msgspec.ValidationError as error:
        raise bad_request(f'Scale in version "v1" cannot be handled as a Scale: {error}') from None
    version = said.metadata.resource_version if said.metadata else None
    if version and version != obj["metadata"]["resourceVersion"]:
        raise stale(resource, obj["metadata"]["name"])
    wanted, problems = (said.spec and said.spec.replicas) or 0, Problems()
    problems.at_least("spec.replicas", wanted, 0)
    if problems.causes:
        raise invalid("Scale", "autoscaling", obj["metadata"]["name"], problems.causes)
    *parents, last = scale.wanted
    for parent in parents:
        obj = obj.setdefault(parent, {})
    obj[last] = wanted


def _at(obj: Obj, path: Path) -> Any:
    for name in path:
        obj = obj.get(name) or {}
    return obj or None
