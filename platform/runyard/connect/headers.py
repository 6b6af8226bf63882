"""Which headers pass, in which direction. Pure; names are bytes in lower case, as ASGI gives them.

Hop-by-hop headers end here (RFC 9110, 7.6.1), with those that `Connection` names, though that cannot take
away what we add ourselves. Nothing that lets anybody into Runyard goes to a tool, and no tool can set a
cookie for another host than its own.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

Headers = list[tuple[bytes, bytes]]
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer "
    b"transfer-encoding upgrade http2-settings".split()
)
#: Ours to say, or nobody's: who asks, from where, and what lets them into a cluster.
_NOT_TO_TOOLS = HOP_BY_HOP | frozenset(
    b"host authorization cookie content-length forwarded x-forwarded-for x-forwarded-host x-forwarded-proto "
    b"x-forwarded-port x-forwarded-prefix x-forwarded-uri x-real-ip impersonate-user impersonate-group "
    b"impersonate-uid x-remote-user x-remote-group expect".split()
)
#: Nor may a worker of a page below some folder be one of the whole host: it would see tickets.
_NOT_FROM_TOOLS = HOP_BY_HOP | frozenset(
    b"strict-transport-security alt-svc public-key-pins clear-site-data set-cookie location "
    b"service-worker-allowed".split()
)
_OF_A_HANDSHAKE = frozenset(
    b"sec-websocket-key sec-websocket-version sec-websocket-extensions sec-websocket-protocol".split()
)


def to_tool(headers: Iterable[tuple[bytes, bytes]], host: str, ours: frozenset[str], secure: bool) -> Headers:
    """What a tool gets of a request's `headers`: without hop-by-hop, our cookies (`ours`) and credentials."""
    found = list(headers)
    dropped = _NOT_TO_TOOLS | _named_by_connection(found)
    kept = [(n, v) for n, v in found if n not in dropped and not n.startswith(b"impersonate-extra-")]
    if cookie := _cookies(found, ours):
        kept.append((b"cookie", cookie))
    scheme = b"https" if secure else b"http"
    return [
        *kept,
        (b"host", host.encode()),
        (b"x-forwarded-host", host.encode()),
        (b"x-forwarded-proto", scheme),
    ]


def of_handshake(headers: Headers) -> Headers:
    """`headers` for a websocket, less those its own handshake makes anew."""
    return [(name, value) for name, value in headers if name not in _OF_A_HANDSHAKE]


def from_tool(headers: Iterable[tuple[bytes, bytes]], prefix: str) -> Headers:
    """What a browser gets of an answer's `headers`; `prefix`, the API server's own, is taken off."""
    found = [(name.lower(), value) for name, value in headers if not _CONTROL.search(value)]
    dropped = _NOT_FROM_TOOLS | _named_by_connection(found)
    kept = [(name, value) for name, value in found if name not in dropped]
    kept += [(n, _own_host_only(v)) for n, v in found if n == b"set-cookie" and not _is_ours(v)]
    return kept + [(n, unprefixed(v, prefix)) for n, v in found if n == b"location"]


def unprefixed(location: bytes, prefix: str) -> bytes:
    """A redirect that the API server's proxy pointed at itself, pointed at the tool's own host again."""
    path = urlsplit(location.decode("latin1")).path
    at = location.find(prefix.encode()) if prefix and path.startswith(prefix) else -1
    return location if at < 0 else location[at + len(prefix) :] or b"/"


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    return frozenset(
        word.strip().lower() for name, value in headers if name == b"connection" for word in value.split(b",")
    )


def _cookies(headers: Headers, ours: frozenset[str]) -> bytes:
    """The tool's own cookies; several headers (HTTP/2) are one."""
    parts = [
        p.strip() for name, value in headers if name == b"cookie" for p in value.split(b";") if p.strip()
    ]
    return b"; ".join(p for p in parts if p.split(b"=", 1)[0].strip().decode("latin1") not in ours)


def _is_ours(cookie: bytes) -> bool:
    """Whether a tool tries to set a cookie that lets people in."""
    return cookie.split(b"=", 1)[0].strip().lower().removeprefix(b"__host-").startswith(b"runyard_")


def _own_host_only(cookie: bytes) -> bytes:
    pair, *attributes = cookie.split(b";")
    kept = (a for a in attributes if a.split(b"=", 1)[0].strip().lower() != b"domain")
    return b";".join((pair, *kept))
