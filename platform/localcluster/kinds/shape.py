"""What all shapes are made of, and the check of an object against one; see `shapes`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from localcluster.quantities import parse
from localcluster.status import bad_request

Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
IntOrString = int | str
Strings = dict[str, str]
Json = dict[str, Any]


class Quantity:
    """Marks a field that must read as a quantity."""


Quantities = dict[str, Quantity]


class Shape(msgspec.Struct, rename="camel", kw_only=True):
    """Base of all: camelCase names, every field optional (null counts as absent)."""


class OwnerReference(Shape):
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Shape):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: Int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: Int | None = None
    labels: Strings | None = None
    annotations: Strings | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None
    managed_fields: list[Json] | None = None


class TemplateMeta(Shape):
    name: str | None = None
    labels: Strings | None = None
    annotations: Strings | None = None
    finalizers: list[str] | None = None


class Plain(Shape):
    """Any object: kind, apiVersion, metadata."""

    kind: str | None = None
    api_version: str | None = None
    metadata: ObjectMeta | None = None
    spec: Json | None = None
    status: Json | None = None


def as_shape(obj: Json, kind: Any) -> Json:
    """A copy of `obj` without nulls, with metadata that says nothing empty, known to fit the kind's shape.

    ApiError 400 for one that does not fit.
    """
    try:
        msgspec.convert(obj, kind.shape, dec_hook=_read)
    except msgspec.ValidationError as error:
        words = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}'
        raise bad_request(words) from None
    copied = _without_nulls(obj)
    given = copied.get("metadata") or {}
    copied["metadata"] = {name: value for name, value in given.items() if value not in ("", [], {})}
    return copied


def _read(wanted: type, value: Any) -> Any:
    """msgspec asks here about the types it does not know; a ValueError becomes its ValidationError."""
    if wanted is Quantity:
        parse(value)
        return Quantity()
    raise NotImplementedError(wanted)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
