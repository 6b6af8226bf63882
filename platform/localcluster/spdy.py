"""As much of SPDY/3 as clients speak to forward ports: streams with headers, data, and the end of either way.

Pure: bytes in, frames out, and the other way round; `portforward` carries them. There are no windows: neither
kubectl nor kubelet keeps to any.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

#: What both sides take for said already: names, each with its length before it, and then more words of HTTP.
_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date etag "
    "expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    "last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer "
    "retry-after server te trailer transfer-encoding upgrade user-agent vary via warning "
    "www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin"
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 "
    "Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 "
    "Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service "
    "UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, "
    "Sat, Sun, "
    "GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plai"
    "n,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq"
    "=0."
)
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GO_AWAY = 1, 2, 3, 6, 7
DATA = 0
FIN = 1
_VERSION, _CONTROL = 3, 0x8000
_LARGEST = 1 << 20


_WORDS = [word.replace("_", " ").encode() for word in _NAMES.split()]
_DICTIONARY = b"".join(struct.pack(">I", len(word)) + word for word in _WORDS) + _TEXT.encode()


class Broken(Exception):
    """What came is no SPDY; the words say why."""


@dataclass(frozen=True)
class Frame:
    """`kind` DATA or of a control frame; `stream` also carries the number of a ping."""

    kind: int
    stream: int
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fin: bool = False


class Codec:
    """Both directions of one connection: headers are packed with what was said before in mind."""

    def __init__(self) -> None:
        self._pending = b""
        self._unpack = zlib.decompressobj(zdict=_DICTIONARY)
        self._pack = zlib.compressobj(zdict=_DICTIONARY)

    def frames(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes; those that need no answer here are passed over. Raises Broken."""
        self._pending += data
        while len(self._pending) >= 8:
            head, tail = struct.unpack(">II", self._pending[:8])
            size, flags = tail & 0xFFFFFF, tail >> 24
            if size > _LARGEST:
                raise Broken(f"a frame of {size} bytes")
            if len(self._pending) < 8 + size:
                return
            body, self._pending = self._pending[8 : 8 + size], self._pending[8 + size :]
            if not head >> 31:
                yield Frame(DATA, head, body, fin=bool(flags & FIN))
            elif found := self._control(head & 0xFFFF, flags, body):
                yield found

    def _control(self, kind: int, flags: int, body: bytes) -> Frame | None:
        if kind not in (SYN_STREAM, RST_STREAM, PING, GO_AWAY):
            return None
        if len(body) < 4 or (kind == SYN_STREAM and len(body) < 10):
            raise Broken("a frame that is too short")
        number = struct.unpack(">I", body[:4])[0]
        headers = self._headers(body[10:]) if kind == SYN_STREAM else {}
        return Frame(kind, number, headers=headers, fin=bool(flags & FIN))

    def _headers(self, packed: bytes) -> dict[str, str]:
        try:
            plain = self._unpack.decompress(packed, _LARGEST)
            count, at = struct.unpack(">I", plain[:4])[0], 4
            words = []
            for _ in range(2 * min(count, 1000)):
                (size,) = struct.unpack(">I", plain[at : at + 4])
                words.append(plain[at + 4 : at + 4 + size].decode())
                at += 4 + size
        except (zlib.error, struct.error, UnicodeDecodeError) as error:
            raise Broken(f"headers that cannot be read: {error}") from None
        return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}

    def reply(self, stream: int) -> bytes:
        """That a stream is taken; nothing more is said of it."""
        packed = self._pack.compress(struct.pack(">I", 0)) + self._pack.flush(zlib.Z_SYNC_FLUSH)
        return _framed(SYN_REPLY, struct.pack(">I", stream) + packed)


def ping(number: int) -> bytes:
    """The answer to one."""
    return _framed(PING, struct.pack(">I", number))


def data(stream: int, chunk: bytes, *, fin: bool = False) -> bytes:
    return struct.pack(">II", stream, len(chunk) | (FIN << 24 if fin else 0)) + chunk


def _framed(kind: int, body: bytes) -> bytes:
    return struct.pack(">HHI", _CONTROL | _VERSION, kind, len(body)) + body
