"""The kubeconfig that leads to this server. Written once it listens; everyone else knows us only by it."""

from __future__ import annotations

import json
from pathlib import Path

from localcluster.auth import write_private

_NAME = "localcluster"


def write(path: Path, server: str, token: str) -> None:
    """Write it atomically, mode 0600. JSON is YAML, so no YAML writer is needed."""
    user, cluster = {"name": _NAME, "user": {"token": token}}, {"name": _NAME, "cluster": {"server": server}}
    context = {"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": "default"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [user],
        "contexts": [context],
        "current-context": _NAME,
    }
    write_private(path, json.dumps(config, indent=2) + "\n")
