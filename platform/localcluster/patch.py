"""The three patches that change an object as it is: JSON patch, merge patch, strategic merge patch.

Pure: (object, patch) into a new object. Server-side apply, which knows owners, is in `managed`.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import msgspec

from localcluster import fields
from localcluster.bodies import LIMIT_BYTES, check_depth
from localcluster.fields import MergeKeys, Obj
from localcluster.status import ApiError, bad_request, too_large, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
SUPPORTED = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH]
_MAX_OPERATIONS = 10_000
_ORDERING, _RETAIN, _FROM_PRIMITIVE = "$setElementOrder/", "$retainKeys", "$deleteFromPrimitiveList/"


def patched(obj: Obj, patch: Any, media: str, lists: MergeKeys) -> Obj:
    """`obj` after a patch of this media type; raises ApiError 400, 413, 415 or 422."""
    if media == JSON_PATCH:
        return _by_operations(obj, patch)
    if media not in (MERGE_PATCH, STRATEGIC_PATCH):
        raise unsupported_media_type(media, SUPPORTED)
    if not isinstance(patch, dict):
        raise bad_request("the patch must be an object")
    if media == MERGE_PATCH:
        return _merged(copy.deepcopy(obj), patch)
    return _strategic(copy.deepcopy(obj), patch, lists)


def _by_operations(obj: Obj, operations: Any) -> Obj:
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise bad_request("the patch must be a list of operations")
    if len(operations) > _MAX_OPERATIONS:
        message = (
            f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(operations)}"
        )
        raise ApiError(413, "RequestEntityTooLarge", message)
    try:
        result = _applied(obj, operations)
    except jsonpatch.InvalidJsonPatch as error:
        raise bad_request(f"error decoding patch: {error}") from None
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, ValueError) as error:
        message = f"the server rejected our request due to an error in our request: {error}"
        raise ApiError(422, "Invalid", message) from None
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise ApiError(422, "Invalid", "the patch must leave an object with metadata")
    return result


def _applied(obj: Obj, operations: list[Obj]) -> Any:
    """`obj` after each operation in turn; 413 when they copy more than a body may hold, over and over."""
    result, copied = copy.deepcopy(obj), 0
    for operation in operations:
        if operation.get("op") == "copy" and isinstance(operation.get("from"), str):
            source = jsonpatch.JsonPointer(operation["from"]).resolve(result)
            copied += len(msgspec.json.encode(source))
            if copied > LIMIT_BYTES:
                raise too_large(LIMIT_BYTES)
        result = jsonpatch.JsonPatch([operation]).apply(result, in_place=True)
    check_depth(result)
    return result


def _merged(into: Any, patch: Any) -> Any:
    """RFC 7386: null removes, maps merge, anything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = into if isinstance(into, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _strategic(into: Obj, patch: Obj, lists: MergeKeys) -> Obj:
    """A merge patch that goes into lists with merge keys, and obeys the $-directives kubectl writes."""
    directive = patch.get("$patch")
    if directive == "replace":
        return _without_directives(patch)
    if directive == "delete":
        return {}
    for key, value in patch.items():
        if key.startswith(_FROM_PRIMITIVE):
            _drop_primitives(into, key.removeprefix(_FROM_PRIMITIVE), value)
        elif key == _RETAIN:
            _retain(into, value)
        elif not key.startswith("$"):
            _strategic_field(into, key, value, lists)
    for key, value in patch.items():
        if key.startswith(_ORDERING):
            _order(into, key.removeprefix(_ORDERING), value, lists)
    return into


def _strategic_field(into: Obj, key: str, value: Any, lists: MergeKeys) -> None:
    if value is None:
        into.pop(key, None)
    elif isinstance(value, dict):
        below = into.get(key)
        into[key] = _strategic(below if isinstance(below, dict) else {}, value, lists)
    elif isinstance(value, list) and (keys := _keys_of(key, value, lists)):
        into[key] = _strategic_list(into.get(key) or [], value, keys, lists)
    elif key == "finalizers" and isinstance(value, list):
        into[key] = [*(into.get(key) or []), *(one for one in value if one not in (into.get(key) or []))]
    else:
        into[key] = copy.deepcopy(value)


def _keys_of(name: str, items: list[Any], lists: MergeKeys) -> tuple[str, ...] | None:
    """The merge keys, a $patch directive among the items aside."""
    return fields.merge_keys(name, [one for one in items if not _is_replace(one)], lists)


def _is_replace(item: Any) -> bool:
    return isinstance(item, dict) and item.get("$patch") == "replace" and len(item) == 1


def _strategic_list(into: list[Obj], patch: list[Obj], keys: tuple[str, ...], lists: MergeKeys) -> list[Obj]:
    if any(_is_replace(one) for one in patch):
        return [_without_directives(one) for one in patch if not _is_replace(one)]
    items = {fields.identity(item, keys): item for item in into}
    for one in patch:
        who = fields.identity(one, keys)
        if one.get("$patch") == "delete":
            items.pop(who, None)
        else:
            items[who] = _strategic(items.get(who, {}), one, lists)
    return list(items.values())


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_directives(one) for key, one in value.items() if not key.startswith("$")}
    return copy.deepcopy(value)


def _drop_primitives(into: Obj, key: str, gone: Any) -> None:
    if isinstance(into.get(key), list) and isinstance(gone, list):
        into[key] = [one for one in into[key] if one not in gone]


def _retain(into: Obj, names: Any) -> None:
    for key in [key for key in into if isinstance(names, list) and key not in names]:
        del into[key]


def _order(into: Obj, key: str, order: Any, lists: MergeKeys) -> None:
    """Sort a merged list as the client has it; items it does not know stay behind."""
    items = into.get(key)
    if not isinstance(items, list) or not isinstance(order, list):
        return
    keys = fields.merge_keys(key, items, lists)
    place = {_mark(one, keys): index for index, one in enumerate(order)}
    into[key] = sorted(items, key=lambda item: place.get(_mark(item, keys), len(place)))


def _mark(item: Any, keys: tuple[str, ...] | None) -> str:
    """What identifies an item when sorting; kubectl orders ports by their first key alone."""
    return str(item.get(keys[0])) if keys and isinstance(item, dict) else str(item)
