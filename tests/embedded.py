"""The embedded cluster as a process of its own, for tests."""

import random
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


def free_port() -> int:
    """Below the ports of outgoing connections: one of those could take it before a server does."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(condition, seconds=60.0, what="it", every=0.02):
    """Poll `condition` every so many seconds until it is true; returns its value. Fails after `seconds`."""
    ends = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ends, f"waited {seconds} s in vain for {what}"
        time.sleep(every)
    return value


@dataclass
class Embedded:
    """A running embedded cluster; `start` again after `kill`."""

    home: Path
    port: int
    process: subprocess.Popen | None = None

    @property
    def kubeconfig(self) -> str:
        return str(self.home / "kubeconfig")

    def start(self) -> "Embedded":
        command = [sys.executable, "-m", "localcluster", "--home", str(self.home), "--port", str(self.port)]
        with (self.home.parent / "cluster.log").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        until(self._ready, what="the embedded cluster")
        return self

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home.parent / "cluster.log").read_text()[-2000:]
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def embedded(folder: Path):
    """A running cluster under `folder`, ended afterwards with all its processes."""
    home = folder / "cluster"
    home.mkdir(parents=True)
    cluster = Embedded(home, free_port()).start()
    try:
        yield cluster
    finally:
        if cluster.process is not None and cluster.process.poll() is not None:
            cluster.start()  # a killed one left its pods running: it ends them
        cluster.stop()
