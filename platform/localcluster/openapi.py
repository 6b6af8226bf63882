"""The OpenAPI documents that kubectl reads: what fields there are, and that the server checks them itself.

Each kind's schema is made from its shape, a custom one's is that of its definition. `discovery` calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from localcluster.kinds.shape import ObjectMeta, Quantity
from localcluster.resources import Kind

Obj = dict[str, Any]
_INFO = {"title": "localcluster", "version": "v1"}
_REF = "#/components/schemas/{name}"
_OF_KIND, _EITHER = "x-kubernetes-group-version-kind", "x-kubernetes-int-or-string"
_KEPT = ("type", "properties", "items", "additionalProperties", "$ref", "format", "required", "enum")


def document(parts: list[str], kinds: Sequence[Kind]) -> Obj | None:
    """The document at /openapi/PARTS, or None."""
    match parts:
        case ["v2"]:
            return {"swagger": "2.0", "info": _INFO, "paths": {}}
        case ["v3"]:
            return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in _roots(kinds)}}
        case ["v3", *root] if "/".join(root) in _roots(kinds):
            return _of_group([kind for kind in kinds if _root(kind) == "/".join(root)])
    return None


def _of_group(kinds: Sequence[Kind]) -> Obj:
    paths = {_path(one): _item(one) for one in kinds}
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": _schemas(kinds)}}


def _roots(kinds: Sequence[Kind]) -> list[str]:
    return sorted({_root(kind) for kind in kinds})


def _root(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"


def _path(kind: Kind) -> str:
    within = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"/{_root(kind)}{within}/{kind.plural}/{{name}}"


def _described(kind: Kind) -> Obj:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _item(kind: Kind) -> Obj:
    """What one may do to one object, as far as kubectl reads it."""
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    patch = {
        "parameters": [parameter],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        _OF_KIND: _described(kind),
    }
    return {"patch": patch}


# schemas


def _schemas(kinds: Sequence[Kind]) -> Obj:
    """Those of the kinds by their names, and what is part of several under a name of its own."""
    shapes = [ObjectMeta, *(kind.shape for kind in kinds if kind.schema is None)]
    tops, parts = msgspec.json.schema_components(shapes, schema_hook=_hook, ref_template=_REF)
    found = {name: _plain(part) for name, part in parts.items()}
    whole = dict(zip([kind.key for kind in kinds if kind.schema is None], tops[1:], strict=True))
    for kind in kinds:
        schema = _custom(kind.schema) if kind.schema else dict(_resolved(whole[kind.key], found))
        name = ".".join(part for part in (kind.group, kind.version, kind.kind) if part)
        found[name] = schema | {_OF_KIND: [_described(kind)]}
    return found


def _custom(schema: Obj) -> Obj:
    own: Obj = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
    own["metadata"] = {"allOf": [{"$ref": _REF.format(name="ObjectMeta")}]}
    return schema | {"properties": (schema.get("properties") or {}) | own}


def _resolved(schema: Obj, parts: Obj) -> Obj:
    name: str = schema["$ref"].removeprefix(_REF.format(name=""))
    found: Obj = parts[name]
    return found


def _hook(wanted: type) -> Obj:
    if wanted is Quantity:
        return {"type": "string"}
    raise NotImplementedError(wanted)


def _plain(schema: Any) -> Any:
    """As OpenAPI 3.0 has it: what may be absent is not said to be null."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    said = [one for one in schema.get("anyOf") or () if one != {"type": "null"}]
    if len(said) > 1:
        return {_EITHER: True} if {"type": "string"} in said else {}
    if said:
        return {"allOf": said} if "$ref" in said[0] else _plain(said[0])
    kept = {name: schema[name] for name in _KEPT if schema.get(name)}
    for name in ("items", "additionalProperties"):
        if name in kept:
            kept[name] = _plain(kept[name])
    if "properties" in kept:
        kept["properties"] = {name: _plain(part) for name, part in kept["properties"].items()}
    return kept
