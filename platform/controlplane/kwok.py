"""What kwok must find before it starts: its configuration, its own kinds, what it is to play, empty logs."""

import json
import textwrap
import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from controlplane.building import Kit
from controlplane.client import Client
from controlplane.recipe import HERE

_GROUP = "kwok.x-k8s.io"
_STAGES = f"/apis/{_GROUP}/v1alpha1/stages"
_CLUSTER_LOGS = f"/apis/{_GROUP}/v1alpha1/clusterlogs"
_KINDS_SECONDS = 30.0
_VERSION = "metadata: {resourceVersion: {{ .metadata.resourceVersion | Quote }}}\n"
# Left out, these are zero, which the bare program refuses or takes for "nothing moves".
_OPTIONS = {
    "enableDebuggingHandlers": True,  # logs are among them
    "podPlayStageParallelism": 16,
    "nodePlayStageParallelism": 4,
    "podsOnNodeSyncParallelism": 1,
    "enablePodsOnNodeSyncListPager": True,
}


def prepare(kit: Kit, client: Client, folder: Path) -> Path:
    """Make everything there; returns the configuration file. Idempotent."""
    for file in kit.crds():
        definition = yaml.safe_load(file.read_text())
        name = definition["metadata"]["name"]
        client.apply(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", json.dumps(definition)
        )
    _wait_for_kinds(client)
    for stage in stages():
        client.apply(f"{_STAGES}/{stage['metadata']['name']}", json.dumps(stage))
    _empty_logs(client, folder)
    file = folder / "kwok.yaml"
    file.write_text(json.dumps(_object("KwokConfiguration", "kwok", options=_OPTIONS, config="config.")))
    return file


def stages() -> list[dict[str, Any]]:
    """Ours, as they stand in the folder `stages`; what they change holds for the version they have read."""
    files = sorted((HERE / "stages").glob("*.yaml"))
    found = [stage for file in files for stage in yaml.safe_load_all(file.read_text())]
    for patch in (step["patch"] for stage in found for step in stage["spec"]["steps"] if "patch" in step):
        _bind(patch)
    return found


def _bind(patch: dict[str, str]) -> None:
    """Have the server refuse it for any other version: just started, kwok hears of each pod twice, and would
    play the stage once more on what has gone on since."""
    below = textwrap.indent(patch["template"], "  ")
    patch["template"] = f"{_VERSION}{patch.pop('root')}:\n{below}"


def _empty_logs(client: Client, folder: Path) -> None:
    """Without an entry of its own a container has a log, and nothing in it."""
    silent = folder / "silent.log"
    silent.touch()
    entry = _object("ClusterLogs", "silent", spec={"logs": [{"logsFile": str(silent)}]})
    client.apply(f"{_CLUSTER_LOGS}/silent", json.dumps(entry))


def _object(kind: str, name: str, config: str = "", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": f"{config}{_GROUP}/v1alpha1", "kind": kind, "metadata": {"name": name}, **fields}


def _wait_for_kinds(client: Client) -> None:
    """A definition is served a moment after it was accepted."""
    ends = time.monotonic() + _KINDS_SECONDS
    while True:
        try:
            client.get(_STAGES)
            client.get(_CLUSTER_LOGS)
            return
        except httpx.HTTPStatusError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
