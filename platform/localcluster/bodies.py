"""Request bodies: bytes into JSON objects. Limits size, depth and YAML's aliases; the unreadable is 400."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from localcluster import protobuf
from localcluster.status import bad_request, too_large, unsupported_media_type

LIMIT_BYTES = 3 * 1024 * 1024
_YAML_LIMIT_BYTES = 1024 * 1024  # YAML is read some thirty times slower than JSON, on the loop's own thread
_DEPTH = 200
JSON = "application/json"
YAML = "application/yaml"


async def read(request: Request) -> bytes:
    """The whole body; 413 beyond the limit, found out before more than that is kept."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > LIMIT_BYTES:
        raise too_large(LIMIT_BYTES)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LIMIT_BYTES:
            raise too_large(LIMIT_BYTES)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_object(body: bytes, media: str) -> dict[str, Any]:
    """The object that a client sent; a body without a type is taken for JSON."""
    if media == protobuf.MEDIA:
        return protobuf.parse(body, [JSON, YAML])
    if media not in ("", JSON, YAML):
        raise unsupported_media_type(media, [JSON, YAML])
    value = parse_yaml(body) if media == YAML else parse_json(body)
    if not isinstance(value, dict):
        raise bad_request("the body of the request must be an object")
    return value


def parse_json(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {str(error)[:200]}") from None
    check_depth(value)
    return value


def parse_yaml(body: bytes) -> Any:
    """YAML, of which JSON is the common case; aliases are refused, for they can grow without bound."""
    try:
        return parse_json(body)
    except Exception:  # noqa: S110 - then it is YAML, or the reader below says what is wrong
        pass
    if len(body) > _YAML_LIMIT_BYTES:
        raise too_large(_YAML_LIMIT_BYTES)
    import yaml  # only the few clients that send YAML pay for its memory

    from localcluster.plainyaml import PlainLoader

    try:
        value = yaml.load(body, Loader=PlainLoader)  # noqa: S506 - a safe loader with less in it
        msgspec.json.encode(value)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, msgspec.EncodeError) as error:
        raise bad_request(f"error converting YAML to JSON: {str(error)[:300]}") from None
    check_depth(value)
    return value


def check_depth(value: Any, depth: int = 0) -> None:
    """400 for what is nested deeper than anyone means, and than the rules could walk."""
    if depth > _DEPTH:
        raise bad_request(f"the body of the request is nested more than {_DEPTH} levels deep")
    if isinstance(value, dict):
        for one in value.values():
            check_depth(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            check_depth(one, depth + 1)
