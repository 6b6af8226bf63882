"""One hint to a thousand sockets: until the last has it, beside a bare broadcast in the same run.

Both are told the same text in turn, and read by the same raw clients. Ours begins with the publication to
Redis, the bare one with a line on its standard input.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import redis

from runyard.kit.publish import CHANNEL
from runyardctl.valkey import Valkey
from tests.bench.report import Result, median
from tests.bench.sockets import Crowd, Socket
from tests.embedded import free_port
from tests.product import Up

SOCKETS, ROUNDS, REST_SECONDS, PATIENCE = 1_000, 30, 0.3, 60
Tell = Callable[[str], None]


def measure(up: Up, cookie: str) -> list[Result]:
    """`cookie` is that of a system administrator's session."""
    client = redis.Redis.from_url(Valkey(up.home).url)
    with bare() as (port, process, say):
        theirs = Party(psutil.Process(process.pid), say)
        ours = Party(up.child("web"), lambda text: _publish(client, text))
        for _ in range(SOCKETS):
            theirs.add(Socket(port, "/"))
            ours.add(_subscribed(up.port, cookie))
        ours.wait_for_answers()
        for number in range(ROUNDS + 5):
            for party in (ours, theirs):
                party.round(number)
        ours.close(), theirs.close()
    last, bare_last = median(ours.seconds[5:]), median(theirs.seconds[5:])
    cpu, bare_cpu = ours.cpu / SOCKETS / (ROUNDS + 5), theirs.cpu / SOCKETS / (ROUNDS + 5)
    return [
        Result(
            f"{SOCKETS:,} sockets, last one served", f"{last * 1000:.0f} ms, median of {ROUNDS}",
            f"bare websockets broadcast, {bare_last * 1000:.0f} ms", last / bare_last, "<= 1.5x",
            last <= 1.5 * bare_last,
        ),
        Result(
            "the same, server CPU a delivery", f"{cpu * 1e6:.0f} µs",
            f"bare websockets broadcast, {bare_cpu * 1e6:.0f} µs", cpu / bare_cpu, "", True,
        ),
    ]  # fmt: skip


class Party:
    """One server, its crowd, and how long each round took."""

    def __init__(self, server: psutil.Process, tell: Tell) -> None:
        self._server, self._tell, self._crowd = server, tell, Crowd()
        self._waiting_for, self._heard, self._answers = b"?", 0, 0
        self.seconds: list[float] = []
        self.cpu = 0.0

    def add(self, socket: Socket) -> None:
        socket.heard = self._hear
        self._crowd.add(socket)

    def _hear(self, frame: bytes) -> None:
        self._answers += b'"subscribed"' in frame
        self._heard += self._waiting_for in frame

    def wait_for_answers(self) -> None:
        everyone = len(self._crowd.sockets)
        assert self._crowd.read_until(lambda: self._answers >= everyone, PATIENCE)

    def round(self, number: int) -> None:
        """Every socket hears the hint once: none lost, none doubled."""
        ids = [1_000_000 + number * 100 + n for n in range(25)]
        self._waiting_for, self._heard = str(ids[0]).encode(), 0
        everyone, before, began = len(self._crowd.sockets), _cpu(self._server), time.monotonic()
        self._tell(json.dumps({"topic": "workloads", "hint": ids}, separators=(",", ":")))
        assert self._crowd.read_until(lambda: self._heard >= everyone, PATIENCE)
        self.seconds.append(time.monotonic() - began)
        self._crowd.read_until(lambda: self._heard > everyone, REST_SECONDS)
        assert self._heard == everyone, f"{self._heard} frames came to {everyone} sockets"
        self.cpu += _cpu(self._server) - before

    def close(self) -> None:
        self._crowd.close()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _subscribed(port: int, cookie: str) -> Socket:
    socket = Socket(port, "/live", cookie)
    socket.say('{"subscribe":"workloads"}')
    return socket


def _publish(client: redis.Redis, text: str) -> None:
    """As the product does; `workloads:0` is what no project has, shown to system administrators."""
    client.publish(CHANNEL, json.dumps([["workloads:0", json.loads(text)["hint"]]]))


@contextmanager
def bare() -> Iterator[tuple[int, subprocess.Popen, Tell]]:
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.broadcast", str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"

        def say(text: str) -> None:
            process.stdin.write(text + "\n")
            process.stdin.flush()

        yield port, process, say
        process.terminate()
