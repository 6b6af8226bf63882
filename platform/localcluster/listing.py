"""Lists over HTTP: pages that share one snapshot, the resourceVersion rules, answered from stored bytes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from localcluster.query import ListOptions
from localcluster.registry import Registry, prefix, selection
from localcluster.resources import Kind
from localcluster.selectors import Selection
from localcluster.status import ApiError, bad_request, expired, too_large_version

_SCAN = 500
_TOO_OLD_WORDS = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


class _Token(msgspec.Struct):
    """Where the next page starts: after key `k`, as of version `rv` (0: whatever is current)."""

    rv: int
    k: str


@dataclass
class _Found:
    bodies: list[bytes]
    last: str
    more: bool


def answer(registry: Registry, kind: Kind, namespace: str | None, options: ListOptions) -> bytes:
    """The JSON of a List object for these options; ApiError 410 when its version is compacted."""
    chosen = selection(kind, options.labels, options.fields)
    token = _read(options.token) if options.token else _Token(_version(registry, options), "")
    if token.rv > registry.store.version:
        raise _bad_token()
    if token.rv and token.rv < registry.store.compacted:
        raise _too_old(token, bool(options.token))
    at = token.rv or registry.store.version
    found = _scan(registry, kind, namespace, chosen, token.k, options.limit, at)
    metadata: dict[str, object] = {"resourceVersion": str(at)}
    if found.more:
        metadata["continue"] = _write(_Token(at, found.last))
        if chosen.everything:
            metadata["remainingItemCount"] = registry.store.count(
                kind.key, prefix(kind, namespace), found.last
            )
    return envelope(kind, metadata, found.bodies)


def envelope(kind: Kind, metadata: dict[str, object], bodies: list[bytes]) -> bytes:
    """A List object around objects that are JSON already; custom ones alone say again what they are."""
    if kind.schema is None:
        named = msgspec.json.encode({"apiVersion": kind.api_version, "kind": kind.kind})[:-1] + b","
        bodies = [b"{" + body.removeprefix(named) if body.startswith(named) else body for body in bodies]
    head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
    return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(bodies) + b"]}"


def check_reached(registry: Registry, version: int | None) -> None:
    """504 for a version this store has not reached."""
    if version and version > registry.store.version:
        raise too_large_version(version, registry.store.version)


def _version(registry: Registry, options: ListOptions) -> int:
    """The snapshot to read, 0 for the current one: only an exact version is read back from history."""
    check_reached(registry, options.version)
    exact = options.match == "Exact" or (options.limit and not options.match)
    return options.version if options.version and exact else 0


def _scan(
    registry: Registry, kind: Kind, namespace: str | None, chosen: Selection, after: str, limit: int, at: int
) -> _Found:
    """Up to `limit` chosen objects past key `after`; reads on until it has them or there are no more."""
    found = _Found([], after, True)
    step = limit if chosen.everything else (_SCAN if limit else 0)
    while found.more:
        page = registry.store.page(kind.key, prefix(kind, namespace), after=found.last, limit=step, at=at)
        found.more = page.more
        for index, (key, body) in enumerate(page.rows):
            if chosen.takes(body):
                found.bodies.append(body)
            found.last = key
            if limit and len(found.bodies) == limit:
                found.more = page.more or index + 1 < len(page.rows)
                return found
    return found


def _too_old(token: _Token, continued: bool) -> ApiError:
    if not continued:
        return expired("The resourceVersion for the provided list is too old.")
    error = expired(_TOO_OLD_WORDS)
    error.continue_token = _write(_Token(0, token.k))
    return error


def _write(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _read(text: str) -> _Token:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Token)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _bad_token() from None


def _bad_token() -> ApiError:
    return bad_request("continue key is not valid: use the token of the previous page, unchanged")
