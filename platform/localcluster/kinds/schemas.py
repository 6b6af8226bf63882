"""Structural schemas of custom resources: unknown fields go, absent ones get defaults, wrong ones are told.

What a schema may say is that of OpenAPI v3 as CustomResourceDefinitions take it. Rules in CEL
(`x-kubernetes-validations`) and most `format`s are not checked: docs/embedded-cluster.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
import re2  # the syntax of Go's expressions, and none takes long

from localcluster.kinds.shape import Int, Shape
from localcluster.validation import Problems

Json = Any
Schema = dict[str, Any]
_KEEP, _EMBEDDED = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"
_EITHER = "x-kubernetes-int-or-string"
_LIST_TYPE, _LIST_KEYS = "x-kubernetes-list-type", "x-kubernetes-list-map-keys"
_NOWHERE = "<nil>"
_OWN = ("apiVersion", "kind", "metadata")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
}


def is_of(value: Json, type_: str) -> bool:
    """Whether a value is of a type as schemas name them."""
    return _TYPES[type_](value)


_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


class Props(Shape):
    """The JSON types of a schema's own fields; those that are only kept and told again are left out."""

    type: str | None = None
    properties: dict[str, Props] | None = None
    additional_properties: Props | bool | None = None
    items: Props | None = None
    required: list[str] | None = None
    enum: list[Any] | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool | None = None
    exclusive_maximum: bool | None = None
    multiple_of: float | None = None
    min_length: Int | None = None
    max_length: Int | None = None
    min_items: Int | None = None
    max_items: Int | None = None
    min_properties: Int | None = None
    max_properties: Int | None = None
    all_of: list[Props] | None = None
    any_of: list[Props] | None = None
    one_of: list[Props] | None = None
    not_: Props | None = msgspec.field(default=None, name="not")
    keep: bool | None = msgspec.field(default=None, name=_KEEP)
    embedded: bool | None = msgspec.field(default=None, name=_EMBEDDED)
    either: bool | None = msgspec.field(default=None, name=_EITHER)
    list_type: str | None = msgspec.field(default=None, name=_LIST_TYPE)
    list_keys: list[str] | None = msgspec.field(default=None, name=_LIST_KEYS)


# of a schema itself


def check_schema(schema: Schema, at: str, problems: Problems, *, root: bool = True) -> None:
    """Tell of what is no structural schema: each part says its type, and all of it can be understood."""
    if "type" not in schema:
        if root or not (schema.get(_EITHER) or schema.get(_KEEP)):
            problems.required(f"{at}.type", "must not be empty for specified object fields")
    elif schema["type"] not in _TYPES or (root and schema["type"] != "object"):
        problems.unsupported(f"{at}.type", schema["type"], ["object"] if root else _TYPES)
    if (pattern := schema.get("pattern")) is not None:
        try:
            _compiled(pattern)
        except re2.error as error:
            problems.invalid(
                f"{at}.pattern", pattern, f"must be a valid regular expression, but isn't: {error}"
            )
    for where, part in _parts(schema, at):
        check_schema(part, where, problems, root=False)
    _check_default(schema, at, problems)


def _parts(schema: Schema, at: str) -> Iterator[tuple[str, Schema]]:
    for name, part in (schema.get("properties") or {}).items():
        yield f"{at}.properties[{name}]", part
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield f"{at}.{name}", schema[name]


def _check_default(schema: Schema, at: str, problems: Problems) -> None:
    if "default" in schema and (why := _why_not(schema["default"], schema)):
        problems.invalid(f"{at}.default", schema["default"], why)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def merge_keys(schema: Schema) -> dict[str, tuple[str, ...]]:
    """The fields that are lists of objects with keys, by name: how such lists are merged."""
    found: dict[str, tuple[str, ...]] = {}
    for name, part in (schema.get("properties") or {}).items():
        if part.get(_LIST_TYPE) == "map" and part.get(_LIST_KEYS):
            found[name] = tuple(part[_LIST_KEYS])
    for _, part in _parts(schema, ""):
        found |= merge_keys(part)
    return found


# of what a schema describes


def fill(value: Json, schema: Schema, *, root: bool = True) -> None:
    """In place: drop what `schema` does not know, and set the defaults of what is absent."""
    if isinstance(value, dict):
        _fill_object(value, schema, root)
    elif isinstance(value, list):
        for one in value:
            fill(one, schema.get("items") or {}, root=False)


def _fill_object(value: dict[str, Json], schema: Schema, root: bool) -> None:
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    own = _OWN if root or schema.get(_EMBEDDED) else ()
    for name, one in known.items():
        if name not in value and "default" in one and name not in own:
            value[name] = copy.deepcopy(one["default"])
    for name in list(value):
        if name in own:
            continue
        if name in known:
            fill(value[name], known[name], root=False)
        elif isinstance(others, dict):
            fill(value[name], others, root=False)
        elif not others and not schema.get(_KEEP):
            del value[name]


def check(value: Json, schema: Schema, problems: Problems, at: str = "") -> None:
    """Tell `problems` of everything in `value` that `schema` does not allow."""
    if not _fits(value, schema):
        given = _NAMES.get(type(value), "null")
        wanted = "integer or string" if schema.get(_EITHER) else schema["type"]
        problems.mistyped(at, given, f'{at} in body must be of type {wanted}: "{given}"')
        return
    if (choices := schema.get("enum")) is not None and value not in choices:
        problems.unsupported(at, value, [str(one) for one in choices])
    for rules in (_number, _text, _list, _object):
        rules(value, schema, problems, at)
    _combined(value, schema, problems, at)


def _fits(value: Json, schema: Schema) -> bool:
    if schema.get(_EITHER):
        return _TYPES["integer"](value) or _TYPES["string"](value)
    return "type" not in schema or _TYPES[schema["type"]](value)


def _number(value: Json, schema: Schema, problems: Problems, at: str) -> None:
    if not _is_number(value):
        return
    least, most, step = (schema.get(name) for name in ("minimum", "maximum", "multipleOf"))
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        words = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        problems.invalid(at, value, f"{at} in body should be {words} {least}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        words = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        problems.invalid(at, value, f"{at} in body should be {words} {most}")
    if step and (value / step) % 1:
        problems.invalid(at, value, f"{at} in body should be a multiple of {step}")


def _text(value: Json, schema: Schema, problems: Problems, at: str) -> None:
    if not isinstance(value, str):
        return
    if len(value) < schema.get("minLength", 0):
        problems.invalid(at, value, f"{at} in body should be at least {schema['minLength']} chars long")
    if len(value) > schema.get("maxLength", len(value)):
        problems.too_long(at, schema["maxLength"])
    if (pattern := schema.get("pattern")) and not _compiled(pattern).search(value):
        problems.invalid(at, value, f"{at} in body should match '{pattern}'")


def _list(value: Json, schema: Schema, problems: Problems, at: str) -> None:
    if not isinstance(value, list):
        return
    if len(value) < schema.get("minItems", 0):
        problems.invalid(at, len(value), f"{at} in body should have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        problems.too_many(at, len(value), schema["maxItems"])
    for index, one in enumerate(value):
        check(one, schema.get("items") or {}, problems, f"{at}[{index}]")
    for index in _repeated(value, schema):
        problems.duplicate(f"{at}[{index}]", value[index])


def _repeated(value: list[Json], schema: Schema) -> Iterator[int]:
    """Places of what is in a set or map of `schema` already."""
    if schema.get(_LIST_TYPE) not in ("set", "map"):
        return
    names = schema.get(_LIST_KEYS)
    seen: list[Json] = []
    for index, one in enumerate(value):
        key = [one.get(name) for name in names] if names and isinstance(one, dict) else one
        if key in seen:
            yield index
        seen.append(key)


def _object(value: Json, schema: Schema, problems: Problems, at: str) -> None:
    if not isinstance(value, dict):
        return
    for name in schema.get("required") or ():
        if name not in value:
            problems.required(_below(at, name))
    if len(value) > schema.get("maxProperties", len(value)):
        problems.too_many(at, len(value), schema["maxProperties"])
    if len(value) < schema.get("minProperties", 0):
        words = f"{at} in body should have at least {schema['minProperties']} properties"
        problems.invalid(at, len(value), words)
    known, others = schema.get("properties") or {}, schema.get("additionalProperties")
    for name, one in value.items():
        if name in known:
            check(one, known[name], problems, _below(at, name))
        elif isinstance(others, dict):
            check(one, others, problems, _below(at, name))


def _combined(value: Json, schema: Schema, problems: Problems, at: str) -> None:
    """`allOf` tells its own problems; of the others Kubernetes tells in words alone where they are."""
    for one in schema.get("allOf") or ():
        check(value, one, problems, at)
    said = f'"{at}" must'
    if (some := schema.get("anyOf")) and not any(_holds(value, one) for one in some):
        problems.invalid(_NOWHERE, "", f"{said} validate at least one schema (anyOf)")
    if (one_of := schema.get("oneOf")) and (count := sum(_holds(value, one) for one in one_of)) != 1:
        found = f"{count} valid alternatives" if count else "none valid"
        problems.invalid(_NOWHERE, "", f"{said} validate one and only one schema (oneOf). Found {found}")
    if (never := schema.get("not")) is not None and _holds(value, never):
        problems.invalid(_NOWHERE, "", f"{said} not validate the schema (not)")


def _holds(value: Json, schema: Schema) -> bool:
    return not _why_not(value, schema)


def _why_not(value: Json, schema: Schema) -> str:
    """The first thing that is wrong with `value`, empty where nothing is."""
    tried = Problems()
    check(value, schema, tried, "value")
    return tried.causes[0]["message"] if tried.causes else ""


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
