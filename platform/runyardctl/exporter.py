"""The GPU exporter as a service of the embedded cluster: started where the NVIDIA driver answers."""

import subprocess
import sys
from pathlib import Path

from runyardctl import ports
from runyardctl.process import Command
from runyardctl.service import ALARM

NODE_PORT = 9400  # where exporters of GPUs are on the nodes of real clusters
PROGRAM = (sys.executable, "-m", "metrics.exporter")
CHECK_SECONDS = 30.0


def is_wanted() -> bool:
    """Whether NVML starts on this machine. Takes a fraction of a second, at worst half a minute."""
    try:
        return Command([*PROGRAM, "--check"]).run(CHECK_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Exporter:
    """`python -m metrics.exporter` on the same port from start to start; the cluster's node leads there."""

    name = "Exporter"
    alarm = ALARM

    def __init__(self, home: Path, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.port = ports.remembered(home / "exporter.port")

    def prepare(self) -> None:
        """Nothing to make."""

    def command(self) -> Command:
        where = ("--listen", "127.0.0.1", "--port", str(self.port))
        return Command([*PROGRAM, *where, "--embedded", str(self.kubeconfig)])

    def is_ready(self) -> bool:
        """It answers, whatever it has to say of the GPUs."""
        return ports.answers(self.port, "/healthz", 10)
