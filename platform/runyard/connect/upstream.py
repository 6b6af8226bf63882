"""The clients towards tools, one of each sort for all of an event loop; bodies stay as they come."""

import asyncio
import re
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import aiohttp
from yarl import URL

from runyard.clusters.access import KEEP_ALIVE
from runyard.connect.addresses import Resolver
from runyard.connect.line import CONNECT_SECONDS, SILENT_SECONDS, Lines
from runyard.connect.targets import Target

MOST_HEADER_BYTES, MOST_MESSAGE_BYTES = 32_768, 16 * 2**20
_PRINTABLE, _CONTROL = re.compile(rb"[!-~]*\Z"), re.compile(r"[\x00-\x1f]")
_TIMES = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)


class BadPath(ValueError):
    """A path that could lead elsewhere than to the tool; the message is for people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser asks of a tool: the path as it was sent, still encoded, and the query string."""

    path: bytes
    query: bytes

    @classmethod
    def of(cls, scope: dict[str, Any]) -> "Asked":
        """Raises BadPath."""
        asked = cls(scope.get("raw_path") or scope["path"].encode(), scope["query_string"])
        asked._check()
        return asked

    @property
    def whole(self) -> bytes:
        """As it is written in the first line of a request."""
        return self.path + b"?" + self.query if self.query else self.path

    def at(self, base: str) -> URL:
        return URL(base + self.whole.decode("ascii"), encoded=True)

    def _check(self) -> None:
        """Dot segments would climb out of the tool, into the cluster's own API, with our credentials."""
        if not (_PRINTABLE.match(self.path) and _PRINTABLE.match(self.query)):
            raise BadPath("The address holds characters that must be percent-encoded.")
        once = unquote(self.path.decode("ascii"), "latin1")
        for read in {once, unquote(once, "latin1")}:
            if {".", ".."} & set(read.replace("\\", "/").replace(";", "/").split("/")):
                raise BadPath("The address holds . or .. as a part of its path; leave them out.")
            if _CONTROL.search(read):
                raise BadPath("The address holds control characters.")
        if not self.path.startswith(b"/") or b"#" in self.path + self.query:
            raise BadPath("The address must begin with a slash.")


_lines: dict[asyncio.AbstractEventLoop, Lines] = {}
_clients: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}


def lines() -> Lines:
    """Those of the running event loop."""
    return _lines.setdefault(asyncio.get_running_loop(), Lines())


def client() -> aiohttp.ClientSession:
    """That of the running event loop; made when it is first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=0,
                keepalive_timeout=30,
                socket_factory=_socket,
                resolver=Resolver(),
                use_dns_cache=False,  # where a pod was is not where it is
            ),
            timeout=_TIMES,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trace_configs=[_follows_nothing()],
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=MOST_HEADER_BYTES,
            max_field_size=MOST_HEADER_BYTES,
            read_bufsize=2**18,
        )
    return _clients[loop]


def _follows_nothing() -> aiohttp.TraceConfig:
    """Of a websocket the client would follow a redirect, and has no argument against it: to any address that
    we reach, and at the cluster's with what lets us in there."""
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_refuse)
    return config


async def _refuse(_: object, __: object, told: aiohttp.TraceRequestRedirectParams) -> None:
    told.response.close()
    raise aiohttp.ClientConnectionError("the tool sends a websocket elsewhere")


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A silent websocket sees by it that the cluster is gone without a word."""
    made = socket.socket(*address[:3])
    for option in KEEP_ALIVE:
        made.setsockopt(*option)
    return made


async def close() -> None:
    """The server ends: give all connections back."""
    loop = asyncio.get_running_loop()
    if straight := _lines.pop(loop, None):
        straight.close()
    if session := _clients.pop(loop, None):
        await session.close()


def way(target: Target, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """How the client is to go to `target`: with `headers`, and what the cluster lets us in by."""
    access = target.access
    return {
        "headers": [*((n.decode("latin1"), _text(v)) for n, v in headers), *access.headers.items()],
        "ssl": access.tls if access.tls is not None else True,
        "server_hostname": access.server_name,
        "proxy": access.proxy,
    }


def _text(value: bytes) -> str:
    """The client writes UTF-8: read so it comes out as it came in, but for other encodings."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin1")
