"""Many websockets and kept connections to one server, in one thread of the bench: raw, to cost little.

Answers pings, of the protocol and of ours; knows nothing else of what it hears.
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
LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
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
        size = struct.pack("!B", 0x80 | len(body)) if len(body) < 126 else struct.pack("!BH", 0xFE, len(body))
        self.connection.send(struct.pack("!B", 0x80 | kind) + size + bytes(4) + body)

    def read(self) -> bool:
        """Take in what has come; False once the server has closed."""
        data = self.connection.recv(262144)
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
        elif size == 127:
            if len(self._buffer) < 10:
                return None
            size, at = struct.unpack_from("!Q", self._buffer, 2)[0], 10
        if len(self._buffer) < at + size:
            return None
        kind, body = self._buffer[0] & 0xF, self._buffer[at : at + size]
        self._buffer = self._buffer[at + size :]
        return kind, body


class Fetcher:
    """A connection that is kept and fetches one page at a time; `answered` is called with its body."""

    def __init__(self, port: int, cookie: str, answered: Callable[[bytes], None]):
        self._head = f"Host: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n"
        self._answered, self._buffer = answered, b""
        self.busy = False
        self._port = port
        self.open()

    def open(self) -> None:
        """Again, when the server has closed it after a quiet while; what was just asked is asked again."""
        self.connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self.connection.setblocking(False)
        if self.busy:
            self.get(self._path)

    def get(self, path: str) -> None:
        self.busy, self._path = True, path
        self.connection.send(f"GET {path} HTTP/1.1\r\n{self._head}".encode())

    def read(self) -> bool:
        data = self.connection.recv(262144)
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) >= (size := int(LENGTH.search(head)[1])):  # type: ignore[index]
            assert head.startswith(b"HTTP/1.1 200"), head + body[:1000]
            self.busy, self._buffer = False, body[size:]
            self._answered(body[:size])
        return bool(data)


class Crowd:
    """Sockets read together."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self.sockets: list[Socket | Fetcher] = []

    def add(self, one: Socket | Fetcher) -> None:
        self.sockets.append(one)
        self._selector.register(one.connection, selectors.EVENT_READ, one)

    def read_until(self, done: Callable[[], bool], seconds: float, tick: float = 0.5) -> bool:
        """Read until `done()`; False when `seconds` have passed. Fails when the server closes a socket.

        `done` is asked after each reading, every `tick` seconds at least.
        """
        ends = time.monotonic() + seconds
        while not done():
            if (left := ends - time.monotonic()) <= 0:
                return False
            for key, _ in self._selector.select(min(left, tick)):
                if not key.data.read():
                    self._open_again(key.data)
        return True

    def _open_again(self, one: Socket | Fetcher) -> None:
        assert isinstance(one, Fetcher), "the server closed a socket"
        self._selector.unregister(one.connection)
        one.connection.close()
        one.open()
        self._selector.register(one.connection, selectors.EVENT_READ, one)

    def close(self) -> None:
        for one in self.sockets:
            one.connection.close()
        self._selector.close()
