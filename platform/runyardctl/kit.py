"""The control-plane kit as a service: a real Kubernetes with simulated nodes, for developers.

Another program of ours, spoken to only by its command line and the files it leaves.
"""

import sys
from pathlib import Path

from runyardctl import ports
from runyardctl.process import Command
from runyardctl.service import ALARM
from runyardctl.trouble import Trouble

PROGRAM = (sys.executable, "-m", "controlplane")
GRACE_SECONDS = 60  # it ends five processes, each with a grace of its own


def folder(home: Path) -> Path:
    """Where it keeps its state; there once it was started."""
    return home / "control-plane"


def kubeconfig(home: Path) -> Path:
    return folder(home) / "kubeconfig-admin"


def require_built() -> None:
    """Raise Trouble unless `make kit` has made its programs."""
    done = Command([*PROGRAM, "check"]).run()
    if done.returncode:
        raise Trouble(done.stdout.decode(errors="replace").strip().removeprefix("controlplane: "))


class ControlPlane:
    """`python -m controlplane run`, with its state and its port kept from start to start."""

    name = "Control plane"
    alarm = ALARM

    def __init__(self, home: Path) -> None:
        self.folder, self.kubeconfig = folder(home), kubeconfig(home)
        self.port = ports.remembered(home / "control-plane.port")
        self.ready_file = self.folder / "ready"

    def prepare(self) -> None:
        self.ready_file.unlink(missing_ok=True)

    def command(self) -> Command:
        words = ("--home", str(self.folder), "--port", str(self.port), "--ready-file", str(self.ready_file))
        return Command([*PROGRAM, "run", *words], grace_seconds=GRACE_SECONDS)

    def is_ready(self) -> bool:
        return self.ready_file.exists()
