"""Whose a process is: the uid and container of a pid's pod, from /proc. For figures of single processes."""

import re
from dataclasses import dataclass
from pathlib import Path

_MARK = b"LOCALCLUSTER_CONTAINER="  # every process of the embedded cluster carries it: uid/container/run
_CGROUP = re.compile(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})")
_GENERATIONS = 32


@dataclass(frozen=True)
class Owner:
    """`container` is "" where only the pod can be told."""

    uid: str
    container: str = ""


def owner_of(pid: int, proc: Path = Path("/proc")) -> Owner | None:
    """None for a process of no pod, one that has died, or one of another namespace of pids."""
    return _by_cgroup(proc / str(pid)) or _by_mark(pid, proc)


def _by_cgroup(process: Path) -> Owner | None:
    """A kubelet puts the uid into the name of the pod's cgroup."""
    try:
        found = _CGROUP.search((process / "cgroup").read_text())
    except OSError:
        return None
    return Owner(found[1].replace("_", "-")) if found else None


def _by_mark(pid: int, proc: Path) -> Owner | None:
    """The mark of the process, or of the nearest of its parents that kept its environment."""
    for _ in range(_GENERATIONS):
        try:
            variables = (proc / str(pid) / "environ").read_bytes().split(b"\0")
            stat = (proc / str(pid) / "stat").read_bytes()
        except OSError:
            return None
        for variable in variables:
            if variable.startswith(_MARK):
                uid, container, _ = variable.removeprefix(_MARK).decode("utf-8", "replace").split("/", 2)
                return Owner(uid, container)
        pid = int(stat.rpartition(b")")[2].split()[1])
    return None
