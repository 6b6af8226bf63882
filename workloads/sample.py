"""The sample workload: a small model really trained on the CPU, for people who look around.

On the embedded cluster pods are processes of this machine, so the sample is a file of ours; elsewhere the
form is filled with a script that any Python image can run. Used by views alone.
"""

import shlex
from pathlib import Path

from django.conf import settings

from workloads.spec import WorkloadSpec

_INLINE = """
import math, random, time
random.seed(1); w = b = 0.0
xs = [random.uniform(-2, 2) for _ in range(400)]
for step in range(1, 121):
    gw = gb = loss = 0.0
    for x in xs:
        p = 1 / (1 + math.exp(-(w * x + b))); y = float(x > 0.4)
        loss -= math.log(max(p if y else 1 - p, 1e-9)); gw += (p - y) * x; gb += p - y
    w -= 0.01 * gw; b -= 0.01 * gb
    print(f"step {step:4d}  loss {loss / len(xs):.4f}", flush=True); time.sleep(0.5)
print(f"done: the boundary is at {-b / w:.3f}, the truth is 0.4")
""".strip()


def script() -> Path:
    """Absolute path of the example that the embedded cluster runs."""
    return Path(settings.BASE_DIR) / "examples" / "train.py"


def offered() -> bool:
    """Whether one click may submit it: where pods can read our files."""
    return settings.MODE == "embedded" and script().exists()


def training(name: str) -> WorkloadSpec:
    """The sample as submitted under `name`."""
    command = f"python3 {shlex.quote(str(script()))}" if offered() else f"python -c {shlex.quote(_INLINE)}"
    return WorkloadSpec(name=name, image="python:3.12-slim", command=command, cpu="1", memory="256Mi")
