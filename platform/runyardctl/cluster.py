"""The embedded cluster as a service: another program of ours, spoken to by HTTP alone."""

import sys
from collections.abc import Mapping
from pathlib import Path

from runyardctl import ports
from runyardctl.process import Command
from runyardctl.service import ALARM

GRACE_SECONDS = 20  # its pods get eight to end, then it writes down how they did


def kubeconfig(home: Path) -> Path:
    """The file by which its clients find it and are let in."""
    return home / "cluster" / "kubeconfig"


class Cluster:
    """`python -m localcluster`, with its state in `home`/cluster and the same port from start to start."""

    name = "Cluster"
    alarm = ALARM

    def __init__(self, home: Path) -> None:
        self.node_ports: Mapping[int, int] = {}  # ports of its node, each with the loopback port that it is
        self.kubeconfig = kubeconfig(home)
        self.folder = self.kubeconfig.parent
        self.port = ports.remembered(home / "cluster.port")

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def command(self) -> Command:
        argv = [sys.executable, "-m", "localcluster", "--home", str(self.folder), "--port", str(self.port)]
        for shown, local in self.node_ports.items():
            argv += ["--node-port", f"{shown}={local}"]
        return Command(argv, grace_seconds=GRACE_SECONDS)

    def is_ready(self) -> bool:
        """Its kubeconfig names the port, and the server behind it says so."""
        try:
            written = f":{self.port}" in self.kubeconfig.read_text()
        except OSError:
            return False
        return written and ports.answers(self.port, "/readyz", 3)
