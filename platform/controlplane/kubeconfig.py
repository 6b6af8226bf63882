"""The kubeconfig of one user of the control plane: a file that clients and its own components read."""

import json
import os
from pathlib import Path

_NAME = "runyard-kit"


def write(path: Path, server: str, authority: Path, token: str) -> None:
    """Write it in one step, readable by the owner alone. JSON is YAML."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": _NAME, "user": {"token": token}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": "default"}}],
        "current-context": _NAME,
    }
    half = path.with_suffix(".half")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        json.dump(config, output, indent=2)
    half.rename(path)
