"""How large a program of a bench became."""

import re
from pathlib import Path


def peak() -> float:
    """MiB, of this program alone: `getrusage` also counts the one that started it."""
    [most] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(most) / 1024
