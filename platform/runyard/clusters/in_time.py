"""A deadline for all that a block reads of its connections, at whatever pace it comes: `within(seconds)`.

The timeout of a socket is one between two bytes, and what drips, in its head or its body, never meets it.
Streams that are open for hours are read outside of such a block, where only that timeout counts.
"""

import io
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_ends = ContextVar("ends", default=math.inf)  # monotonic seconds


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Reads of this thread by the connections of POOLS time out at its end; of nested ones at the nearest."""
    outer = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(outer)


class _Timed(io.RawIOBase):
    """What `raw` reads of `sock`, none of it after the end of the block it is read in."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket):
        self._raw, self._sock = raw, sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if (ends := _ends.get()) == math.inf:
            return self._raw.readinto(buffer)
        left, usual = ends - time.monotonic(), self._sock.gettimeout()
        if left <= 0:
            raise TimeoutError("its time is over")
        self._sock.settimeout(min(left, usual or left))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(usual)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any):
        super().__init__(sock, *args, **options)
        self.fp: io.BufferedReader = io.BufferedReader(_Timed(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


#: What a `urllib3.PoolManager` is given as its `pool_classes_by_scheme`.
POOLS = {"http": _Pool, "https": _TlsPool}
