"""Many websockets to one server, in one thread of the bench: raw, so that clients cost as little as can be.

Answers pings, of the protocol and of ours. Knows nothing else of what it hears.
"""

import base64
import json
import os
import re
import selectors
import socket
import struct
import time
from collections.abc import Callable

TEXT, PING, PONG = 0x1, 0x9, 0xA
OUR_PING = re.compile(rb'^\{"ping":(\d+)\}$')


class Socket:
    """One open connection; `heard` is called with each text frame's bytes."""

    def __init__(self, port: int, path: str, cookie: str = "", heard: Callable[[bytes], None] | None = None):
        self.heard = heard or (lambda frame: None)
        self._buffer = b""
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._open(port, path, cookie)
        self.connection.setblocking(False)

    def _open(self, port: int, path: str, cookie: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}",
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Extensions: permessage-deflate",  # as browsers do
            f"Cookie: {cookie}", "", "",
        ]  # fmt: skip
        self.connection.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self.connection.recv(4096) or b"\r\n\r\n"
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        assert b"permessage-deflate" not in head, "compressed, which is not what is measured"

    def say(self, text: str) -> None:
        self._send(TEXT, text.encode())

    def _send(self, kind: int, body: bytes) -> None:
        """Masked with zeros, as a client must mask."""
        assert len(body) < 126
        self.connection.send(struct.pack("!BBI", 0x80 | kind, 0x80 | len(body), 0) + body)

    def read(self) -> bool:
        """Take in what has come; False once the server has closed."""
        data = self.connection.recv(65536)
        self._buffer += data
        while (frame := self._frame()) is not None:
            kind, body = frame
            if kind == PING:
                self._send(PONG, body)
            elif kind == TEXT:
                ping = OUR_PING.match(body)
                self.say(json.dumps({"pong": int(ping[1])})) if ping else self.heard(body)
        return bool(data)

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame of the buffer; servers neither mask nor, here, split."""
        if len(self._buffer) < 4:
            return None
        size, at = self._buffer[1] & 0x7F, 2
        if size == 126:
            size, at = struct.unpack_from("!H", self._buffer, 2)[0], 4
        if len(self._buffer) < at + size:
            return None
        kind, body = self._buffer[0] & 0xF, self._buffer[at : at + size]
        self._buffer = self._buffer[at + size :]
        return kind, body


class Crowd:
    """Sockets read together."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self.sockets: list[Socket] = []

    def add(self, one: Socket) -> None:
        self.sockets.append(one)
        self._selector.register(one.connection, selectors.EVENT_READ, one)

    def read_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Read until `done()`; False when `seconds` have passed. Fails when the server closes a socket."""
        ends = time.monotonic() + seconds
        while not done():
            if (left := ends - time.monotonic()) <= 0:
                return False
            for key, _ in self._selector.select(min(left, 0.5)):
                assert key.data.read(), "the server closed a socket"
        return True

    def close(self) -> None:
        for one in self.sockets:
            one.connection.close()
        self._selector.close()
