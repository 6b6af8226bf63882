"""An API server of pods, in memory, that misbehaves as servers do: a Connection speaks HTTP to it by bytes.

Only the socket is not real: the product's transport reads lists in pages and watches in chunks from it. Time
is the world's own, and one side runs at a time: a client that would wait, for bytes or between attempts,
hands the turn to the tester (`Turns`), as it does with each request: what happens has one order, every time.
"""

import io
import json
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from runyard.clusters.connection import Connection

PAGE = 2  # servers may give fewer than asked for
DATE = "2026-01-02T03:04:05Z"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://api.test"}}]
users: [{name: u, user: {token: t}}]
"""
Manifest = dict[str, Any]


class Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Turns:
    """Hands the turn between the tester and the thread of one client; neither ever runs beside the other."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._client, self._tester = clock, threading.Semaphore(0), threading.Semaphore(0)
        self.over = self.pausing = False
        self._thread: threading.Thread | None = None

    def start(self, client: Callable[[], None]) -> None:
        """Run `client` in a thread until it waits."""
        self._thread = threading.Thread(target=self._run, args=[client], daemon=True)
        self._thread.start()
        self._await()

    def _run(self, client: Callable[[], None]) -> None:
        try:
            client()
        finally:
            self.over = True
            self._tester.release()

    def yield_(self) -> None:
        """By the client: somebody else's turn. The tester itself waits for nobody."""
        if threading.current_thread() is not self._thread:
            return
        self._tester.release()
        assert self._client.acquire(timeout=60), "the tester forgot a client"

    def go_on(self) -> None:
        """By the tester: the client's turn, until it waits again or is over."""
        if not self.over:
            self._client.release()
            self._await()

    def _await(self) -> None:
        assert self._tester.acquire(timeout=60), "the client neither waits nor ends"

    # A follower pauses on what looks to it like a threading.Event.

    def wait(self, seconds: float) -> None:
        self.pausing = True
        self.yield_()
        self._clock.now += seconds
        self.pausing = False

    def set(self) -> None:
        """Nobody waits but by `wait`, and that ends with the turn."""

    clear = set


@dataclass
class Fault:
    """What becomes of the next request of `kind`: "list", "page" (a later one), "watch", or "look" (at which
    version the server is)."""

    kind: str
    name: str  # a status such as "429", or "html", "refused", "silent", "cut"
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0  # bytes, until a body is cut


def retry_after(said: str) -> dict[str, str]:
    return {"Retry-After": said} if said else {}


class Server:
    """Pods by uid, what happened to them, and how the server will misbehave next."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.version, self.compacted = clock, 100, 100
        self.pods: dict[str, Manifest] = {}
        self.history: list[tuple[int, str, Manifest]] = []
        self.told: list[tuple[str, Manifest]] = []  # all there was to say in a watch: it may come again, late
        self.faults: list[Fault] = []
        self.expires_in_stream = False
        self.streams: list[Watch] = []
        self.lists = 0
        self._born = 0
        self._snapshots: dict[str, list[Manifest]] = {}
        self._used: set[tuple[str, int]] = set()

    @property
    def watched(self) -> list["Watch"]:
        """The watches that are open."""
        self.streams = [stream for stream in self.streams if stream.open]
        return self.streams

    # --- what happens to pods ---

    def create(self, name: str) -> None:
        self._born += 1
        uid = f"{name}-{self._born}"
        meta = {"uid": uid, "name": name, "namespace": "red", "creationTimestamp": DATE}
        found = {"metadata": meta, "spec": {"containers": [{"name": "main", "image": "x"}]}, "status": {}}
        self._happen("ADDED", found)

    def change(self, uid: str, **parts: Any) -> None:
        """Replace `spec`, `status`, or fields of `metadata`."""
        found = deepcopy(self.pods[uid])
        found["metadata"] |= parts.pop("metadata", {})
        self._happen("MODIFIED", found | parts)

    def delete(self, uid: str) -> None:
        self._happen("DELETED", deepcopy(self.pods[uid]))

    def _happen(self, type_: str, found: Manifest) -> None:
        uid = found["metadata"]["uid"]
        self.version += 1
        while (uid, self.version) in self._used:  # of one pod a version never has two contents
            self.version += 1
        self._used.add((uid, self.version))
        found["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, type_, found))
        self.told.append((type_, found))
        if type_ == "DELETED":
            del self.pods[uid]
        else:
            self.pods[uid] = found

    # --- what happens to the server ---

    def compact(self) -> None:
        """Forget the past: versions before now are expired, in lists that are half read too."""
        for stream in self.watched:
            stream.catch_up()
        self.compacted = self.version
        self.history.clear()

    def restore(self, version: int, pods: dict[str, Manifest]) -> None:
        """Be as a backup says: versions jump back, watches are cut, nobody tells of what came later."""
        for stream in self.watched:
            stream.catch_up()
            stream.cut()
        self.version = self.compacted = version
        self.pods = deepcopy(pods)
        self.history.clear()
        self.told = [one for one in self.told if int(one[1]["metadata"]["resourceVersion"]) <= version]

    def heal(self) -> None:
        """No more trouble but what has been said already."""
        self.faults.clear()

    # --- HTTP ---

    def answer(self, target: str, sock: "Sock") -> None:
        """Give `sock` the answer to a request for `target`."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if url.path == "/readyz":
            return sock.reply(b"ok")
        kind = _kind(query)
        fault = next((one for one in self.faults if one.kind == kind), None)
        if fault is not None:
            self.faults.remove(fault)
        if fault is not None and fault.name != "cut":
            return self._misbehave(fault, sock)
        if kind == "watch":
            return self._watch(int(query["resourceVersion"]), sock, fault)
        if kind == "look":
            page = {"metadata": {"resourceVersion": str(self.version)}, "items": []}
            return sock.reply(json.dumps(page).encode(), cut=fault.after if fault else None)
        self.lists += kind == "list"
        self._list(query, sock, fault)

    def _misbehave(self, fault: Fault, sock: "Sock") -> None:
        if fault.name == "silent":
            sock.end = "silent"
        elif fault.name == "refused":
            sock.end = "reset"
        elif fault.name == "html":
            sock.reply(b"<html>\n<h1>Bad gateway</h1>\n")
        else:
            sock.reply(refusal(int(fault.name)), int(fault.name), fault.headers)

    def _list(self, query: dict[str, str], sock: "Sock", fault: Fault | None) -> None:
        token, _, start = query.get("continue", "").partition(":")
        if token and int(token) < self.compacted:
            return sock.reply(refusal(410), 410)
        if not token:
            token = str(self.version)
            by_key = sorted(self.pods.values(), key=lambda pod: pod["metadata"]["name"])
            self._snapshots[token] = deepcopy(by_key)
        first = int(start or 0)
        last = first + PAGE if "limit" in query else None
        items = self._snapshots[token]
        more = f"{token}:{last}" if last is not None and last < len(items) else ""
        page = {"metadata": {"resourceVersion": token, "continue": more}, "items": items[first:last]}
        sock.reply(json.dumps(page).encode(), cut=fault.after if fault else None)

    def _watch(self, since: int, sock: "Sock", fault: Fault | None) -> None:
        if since < self.compacted and not self.expires_in_stream:
            return sock.reply(refusal(410), 410)
        watch = Watch(self, since, sock, fault.after if fault else None)
        self.streams.append(watch)
        if since < self.compacted:
            watch.say("ERROR", json.loads(refusal(410)))
            watch.finish()


class Watch:
    """One open watch: tells what happened after `since`, in chunks, when its reader asks for more."""

    def __init__(self, server: Server, since: int, sock: "Sock", cut: int | None) -> None:
        self._server, self._since, self._sock = server, since, sock
        sock.more, sock.left = self.catch_up, cut
        sock.give(head(200, {"Transfer-Encoding": "chunked"}), free=True)

    @property
    def reader(self) -> Turns:
        return self._sock.turns

    @property
    def open(self) -> bool:
        return not self._sock.end and not self._sock.shut

    @property
    def even(self) -> bool:
        """Whether its reader has heard everything there is."""
        return self.open and self._since == self._server.version and not self._sock.waiting

    def catch_up(self) -> None:
        """Send what has happened; servers do so at once."""
        for version, type_, found in self._server.history:
            if version > self._since and self.open:
                self._since = version
                self.say(type_, found)

    def say(self, type_: str, found: Any) -> None:
        self.say_raw(json.dumps({"type": type_, "object": found}).encode() + b"\n")

    def say_raw(self, line: bytes) -> None:
        if self.open:
            self._sock.give(b"%x\r\n%s\r\n" % (len(line), line))

    def bookmark(self) -> None:
        self.catch_up()
        if self.open:
            self._since = self._server.version
            self.say("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(self._since)}})

    def finish(self) -> None:
        """As servers do after `timeoutSeconds`."""
        if self.open:
            self._sock.give(b"0\r\n\r\n")
            self._sock.end = "closed"

    def time_out(self) -> None:
        """The server ends it, after minutes."""
        self._server.clock.now += 280
        self.finish()

    def cut(self, after: int = 0) -> None:
        """Say `after` bytes more, and reset."""
        if self.open:
            self._sock.left = after
            self._sock.end = "" if after else "reset"

    def fall_silent(self) -> None:
        """Half-open: nobody is there any more, and nobody says so."""
        if self.open:
            self._sock.end = "silent"


def _kind(query: dict[str, str]) -> str:
    if "watch" in query:
        return "watch"
    if query.get("limit") == "1":
        return "look"
    return "page" if "continue" in query else "list"


def refusal(code: int) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": "R", "message": f"status {code}"}).encode()


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Sock:
    """The client's end: what it reads is what the server gave, as long as there is some."""

    def __init__(self, server: Server, turns: Turns) -> None:
        self._server, self.turns = server, turns
        self._asked, self._bytes, self._timeout = b"", bytearray(), 0.0
        self.more: Callable[[], None] | None = None
        self.left: int | None = None  # bytes until it is cut
        self.end, self.shut = "", False

    @property
    def waiting(self) -> int:
        """Bytes that nobody has read."""
        return len(self._bytes)

    def reply(self, body: bytes, status: int = 200, headers: Any = None, cut: int | None = None) -> None:
        self.give(head(status, {"Content-Length": str(len(body)), **(headers or {})}))
        self.left, self.end = cut, "closed"
        self.give(body)

    def give(self, data: bytes, *, free: bool = False) -> None:
        if self.left is not None and not free:
            data, self.left = data[: self.left], max(0, self.left - len(data))
            self.end = self.end if self.left else "reset"
        self._bytes += data

    # --- what urllib3 and http.client ask of a socket ---

    def sendall(self, data: bytes) -> None:
        self._asked += data
        if b"\r\n\r\n" in self._asked:
            target = self._asked.split(b" ", 2)[1].decode()
            self._asked = b""
            self.turns.yield_()
            self._server.answer(target, self)

    def settimeout(self, seconds: float) -> None:
        self._timeout = seconds

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def shutdown(self, _how: int) -> None:
        self.shut = True

    def readinto(self, buffer: Any) -> int:
        while not self._bytes:
            if self.shut or self.end == "closed":
                return 0
            if self.end:
                self._break_off()
            if self.more is not None:
                self.more()
            if not self._bytes and not self.end:
                self.turns.yield_()
        size = min(len(buffer), len(self._bytes))
        buffer[:size] = self._bytes[:size]
        del self._bytes[:size]
        return size

    def _break_off(self) -> None:
        if self.end == "silent":
            self._server.clock.now += self._timeout
            raise TimeoutError("timed out")
        raise ConnectionResetError("reset by peer")

    def close(self) -> None:
        """By `http.client`, while what it made of the socket is still read."""


class _Reader(io.RawIOBase):
    """The file of a Sock. Who closes it is gone."""

    def __init__(self, sock: Sock) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.readinto(buffer)

    def close(self) -> None:
        self._sock.shut = True
        super().close()


def connect_to(server: Server, turns: Turns, kubeconfig: str) -> Connection:
    """A Connection as the product makes them, but for its sockets."""

    class Wire(HTTPConnection):
        def _new_conn(self) -> Any:
            refused = next((one for one in server.faults if one.name == "refused"), None)
            if refused is not None:
                server.faults.remove(refused)
                raise ConnectionRefusedError("refused")
            return Sock(server, turns)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Wire

    connection = Connection(kubeconfig)
    connection._pool.pool_classes_by_scheme = {"http": Pool}
    return connection
