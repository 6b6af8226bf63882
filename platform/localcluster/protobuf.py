"""Bodies in protocol buffers, of the few kinds that kubectl sends: questions of rights. Read, never written.

An object comes in an envelope that names its kind; `_KINDS` says what is read of it, by field number. What
else is in it is refused, for it would be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcluster.status import ApiError, bad_request, unsupported_media_type

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
Obj = dict[str, Any]
#: Field number -> its name, and the fields of what is in it, `str` or `bytes`; None for what is passed over.
_Fields = dict[int, tuple[str, Any] | None]
_RESOURCE = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_ATTRIBUTES: _Fields = {number: (name, str) for number, name in enumerate(_RESOURCE, 1)}
_PATHS: _Fields = {1: ("path", str), 2: ("verb", str)}
_META: _Fields = {1: ("name", str), 8: None}
_KINDS: dict[str, _Fields] = {
    "SelfSubjectAccessReview": {
        1: ("metadata", _META),
        2: ("spec", {1: ("resourceAttributes", _ATTRIBUTES), 2: ("nonResourceAttributes", _PATHS)}),
        3: None,
    },
    "SelfSubjectRulesReview": {1: ("metadata", _META), 2: ("spec", {1: ("namespace", str)}), 3: None},
    "SelfSubjectReview": {1: ("metadata", _META), 2: None},
}
_ENVELOPE: _Fields = {
    1: ("type", {1: ("apiVersion", str), 2: ("kind", str)}),
    2: ("raw", bytes),
    3: None,
    4: None,
}


def parse(body: bytes, supported: list[str]) -> Obj:
    """The object as JSON has it. ApiError 415 for a kind that is not read so, 400 for what cannot be read."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is no object in protocol buffers")
    envelope = _message(body[len(_MAGIC) :], _ENVELOPE)
    named = envelope.get("type") or {}
    fields = _KINDS.get(named.get("kind", ""))
    if fields is None:
        raise unsupported_media_type(MEDIA, supported)
    return {**named, **_message(envelope.get("raw", b""), fields)}


def _message(body: bytes, fields: _Fields) -> Obj:
    """What is empty, which is how absent texts are sent, is left out."""
    found: Obj = {}
    for number, value in _parts(body):
        if number not in fields:
            if value:
                raise _unreadable()
        elif (field := fields[number]) is not None:
            name, within = field
            if isinstance(within, dict):
                found[name] = _message(value, within)
            elif value:
                found[name] = value if within is bytes else _text(value)
    return found


def _parts(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Field number and bytes of each field that has a length; numbers are passed over."""
    at = 0
    while at < len(body):
        key, at = _number(body, at)
        if key & 7 == 0:
            _, at = _number(body, at)
            continue
        if key & 7 != 2:
            raise _unreadable()
        size, at = _number(body, at)
        if at + size > len(body):
            raise _unreadable()
        yield key >> 3, body[at : at + size]
        at += size


def _number(body: bytes, at: int) -> tuple[int, int]:
    """A number in seven bits a byte, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            raise _unreadable()
        number |= (body[at] & 0x7F) << shift
        at += 1
        if not body[at - 1] & 0x80:
            return number, at
    raise _unreadable()


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _unreadable() from None


def _unreadable() -> ApiError:
    return bad_request("the body holds fields in protocol buffers that this server does not read: send JSON")
