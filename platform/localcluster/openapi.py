"""The OpenAPI documents, without schemas: kubectl asks them only whether the server checks fields itself.

It does so for every kind: each path's patch takes fieldValidation. Only `discovery` calls this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localcluster.resources import Kind

Obj = dict[str, Any]
_INFO = {"title": "localcluster", "version": "v1"}


def document(parts: list[str], kinds: Sequence[Kind]) -> Obj | None:
    """The document at /openapi/PARTS, or None."""
    match parts:
        case ["v2"]:
            return {"swagger": "2.0", "info": _INFO, "paths": {}}
        case ["v3"]:
            return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in _roots(kinds)}}
        case ["v3", *root] if "/".join(root) in _roots(kinds):
            mine = [kind for kind in kinds if _root(kind) == "/".join(root)]
            return {"openapi": "3.0.0", "info": _INFO, "paths": {_path(one): _item(one) for one in mine}}
    return None


def _roots(kinds: Sequence[Kind]) -> list[str]:
    return sorted({_root(kind) for kind in kinds})


def _root(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"


def _path(kind: Kind) -> str:
    within = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"/{_root(kind)}{within}/{kind.plural}/{{name}}"


def _item(kind: Kind) -> Obj:
    """What one may do to one object, as far as kubectl reads it."""
    described = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    patch = {
        "parameters": [parameter],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": described,
    }
    return {"patch": patch}
