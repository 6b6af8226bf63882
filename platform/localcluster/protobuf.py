"""Bodies in protocol buffers, of the kinds that kubectl sends so: questions of rights, and what its `create`
makes of flags. Read, never written.

An object comes in an envelope that names its kind; protobuf_fields.json has the fields of each message by the
numbers that Kubernetes' API types give them. A field that is not in it is refused, for it would be lost.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcluster.status import ApiError, bad_request, unsupported_media_type

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_PASSED_OVER = "-"
Obj = dict[str, Any]
Raw = bytes | int
#: Field number -> its name in JSON ("" where its own fields lie beside the others) and its type, after "*"
#: where absent is not the same as empty, "[]" where there may be many, "map:" where they have keys.
_Fields = dict[str, tuple[str, str]]
_BUILT_IN: dict[str, _Fields] = {
    "envelope": {
        "1": ("type", "kind"),
        "2": ("raw", "raw"),
        "3": ("", _PASSED_OVER),
        "4": ("", _PASSED_OVER),
    },
    "kind": {"1": ("apiVersion", "string"), "2": ("kind", "string")},
    "time": {"1": ("seconds", "int"), "2": ("nanos", "int")},
    "quantity": {"1": ("text", "string")},
    "int or string": {"1": ("is_text", "int"), "2": ("number", "int"), "3": ("text", "string")},
}


@functools.cache
def _table() -> dict[str, _Fields]:
    read: dict[str, _Fields] = json.loads(Path(__file__).with_name("protobuf_fields.json").read_bytes())
    return read | _BUILT_IN


def parse(body: bytes, supported: list[str]) -> Obj:
    """The object as JSON has it. ApiError 415 for a kind that is not read so, 400 for what cannot be read."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is no object in protocol buffers")
    envelope = _message(body[len(_MAGIC) :], "envelope")
    named = envelope.get("type") or {}
    group = named.get("apiVersion", "").rpartition("/")[0].partition(".")[0] or "core"
    kind = f"{group}.{named.get('kind', '')}"
    if kind not in _table():
        raise unsupported_media_type(MEDIA, supported)
    return {**named, **_message(envelope.get("raw", b""), kind)}


def _message(body: bytes, kind: str) -> Obj:
    """What is empty, which is how absent values are sent, is left out."""
    found: Obj = {}
    fields = _table()[kind]
    for number, value in _parts(body):
        name, of = fields.get(str(number)) or ("", "")
        if not of:
            raise _unreadable()
        if of != _PASSED_OVER:
            _put(found, name, of, value)
    return found


def _put(found: Obj, name: str, of: str, value: Raw) -> None:
    if of.startswith("[]"):
        found.setdefault(name, []).append(_value(value, of.removeprefix("[]")))
    elif of.startswith("map:"):
        key, one = _entry(value, of.removeprefix("map:"))
        found.setdefault(name, {})[key] = one
    else:
        read = _value(value, of.removeprefix("*"))
        if not name:
            found.update(read)
        elif of.startswith("*") or read not in (None, "", b"", 0, {}):  # False is 0
            found[name] = read


def _entry(value: Raw, of: str) -> tuple[str, Any]:
    """An entry of a map: a message of its key and its value."""
    parts = dict(_parts(_bytes(value)))
    return _text(parts.get(1, b"")), _value(parts.get(2, b""), of)


def _value(value: Raw, of: str) -> Any:
    if of in ("int", "bool"):
        if not isinstance(value, int):
            raise _unreadable()
        return bool(value) if of == "bool" else value - (1 << 64) * (value >> 63)
    if of == "string":
        return _text(value)
    if of in ("bytes", "raw"):
        data = _bytes(value)
        return base64.b64encode(data).decode() if of == "bytes" else data
    if of not in _table():
        raise _unreadable()
    found = _message(_bytes(value), of)
    return _READ[of](found) if of in _READ else found


def _time(found: Obj) -> str | None:
    if not found:
        return None
    try:
        return datetime.fromtimestamp(found.get("seconds", 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        raise _unreadable() from None


_READ = {
    "time": _time,
    "quantity": lambda found: found.get("text", "0"),
    "int or string": lambda found: found.get("text", "") if "is_text" in found else found.get("number", 0),
}


def _parts(body: bytes) -> Iterator[tuple[int, Raw]]:
    """Field number and value of each field: the bytes of one that has a length, or a number."""
    at = 0
    while at < len(body):
        key, at = _number(body, at)
        size, at = _number(body, at)
        if key & 7 == 0:
            yield key >> 3, size
            continue
        if key & 7 != 2 or at + size > len(body):
            raise _unreadable()
        yield key >> 3, body[at : at + size]
        at += size


def _number(body: bytes, at: int) -> tuple[int, int]:
    """A number of 64 bits in seven bits a byte, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            raise _unreadable()
        number |= (body[at] & 0x7F) << shift
        at += 1
        if not body[at - 1] & 0x80:
            return number & ((1 << 64) - 1), at
    raise _unreadable()


def _bytes(value: Raw) -> bytes:
    if not isinstance(value, bytes):
        raise _unreadable()
    return value


def _text(value: Raw) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        raise _unreadable() from None


def _unreadable() -> ApiError:
    return bad_request("the body holds fields in protocol buffers that this server does not read: send JSON")
