"""What a person submits, and the manifest it becomes. Pure: no database, no cluster.

`WorkloadSpec` is the one shape behind form, API and CLI. `problems` checks it field by field, in words.
"""

import json
import re
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any

from runyard.clusters import quantities
from workloads import tools
from workloads.kinds import KIND_LABEL, KINDS
from workloads.tools import TOOL_KINDS, TOOLS, Tool

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*\Z")
MAX_GPUS, MAX_ENV_BYTES, MAX_COMMAND, MAX_VARIABLES = 1024, 128 * 1024, 32 * 1024, 200
KEY_LABEL = "runyard.io/workload"


@dataclass
class WorkloadSpec:
    """A workload as submitted; amounts are Kubernetes quantities as text."""

    name: str
    kind: str = "training"
    image: str = ""
    command: str = ""  # one shell-like line; split into words, never given to a shell
    arguments: str = ""
    environment: list[tuple[str, str]] = field(default_factory=list)
    gpus: str = "0"
    cpu: str = "1"
    memory: str = "1Gi"
    retries: int = 0
    tools: list[Tool] = field(default_factory=list)

    @classmethod
    def load(cls, data: dict[str, Any]) -> "WorkloadSpec":
        """From `dump`ed JSON."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["environment"] = [(str(n), str(v)) for n, v in known.get("environment", [])]
        known["tools"] = tools.load(known.get("tools", []))
        return cls(**known)

    def dump(self) -> dict[str, Any]:
        return asdict(self)


def split(line: str) -> list[str]:
    """A command line as words, quotes respected. Raises ValueError for an open quote."""
    return shlex.split(line, posix=True)


def problems(spec: WorkloadSpec) -> dict[str, str]:
    """What is wrong, by field, in words that say what to do; empty when all is well."""
    found = {
        "kind": "" if spec.kind in KINDS else f"Choose a kind: {' or '.join(KINDS)}.",
        "name": _name(spec.name),
        "image": _image(spec.image),
        "command": _command(spec.command) or ("" if spec.command.strip() else _NO_COMMAND),
        "arguments": _command(spec.arguments),
        "environment": _environment(spec.environment),
        "gpus": _gpus(spec.gpus),
        "cpu": _quantity(spec.cpu, "Give cores, such as 12 or 500m.", least=1, most=1_000_000, unit="m"),
        "memory": _quantity(spec.memory, "Give an amount with a unit, such as 8Gi or 512Mi.", 2**20, 2**50),
        "tools": tools.problem(spec.tools) or ("" if spec.tools or spec.kind != "workspace" else _NO_TOOL),
        "retries": "" if 0 <= spec.retries <= 100 else "Give a whole number from 0 to 100.",
    }
    return {name: words for name, words in found.items() if words}


_NO_COMMAND = "Give a command, such as: python train.py"
_NO_TOOL = "Choose at least one tool, or submit a training: people get into a workspace by its tools."


def _name(name: str) -> str:
    if not name:
        return "Give the workload a name."
    if len(name) > 63:
        return f"At most 63 characters; this has {len(name)}."
    if not NAME.match(name):
        return "Use lower-case letters, digits and hyphens; start and end with a letter or digit."
    return ""


def _image(image: str) -> str:
    if not image:
        return "Give an image, such as registry.example/torch:2.6."
    if len(image) > 512 or not IMAGE.match(image):
        return "Use letters, digits and . _ : / @ - only, without spaces; at most 512 characters."
    return ""


def _command(line: str) -> str:
    if len(line) > MAX_COMMAND:
        return f"At most {MAX_COMMAND // 1024} KiB; put longer scripts into the image or a volume."
    if "\0" in line:
        return "Remove the NUL character."
    try:
        split(line)
    except ValueError:
        return "A quote is opened and never closed."
    return ""


def _environment(pairs: list[tuple[str, str]]) -> str:
    if len(pairs) > MAX_VARIABLES:
        return f"At most {MAX_VARIABLES} variables; mount a file instead."
    names: set[str] = set()
    for name, value in pairs:
        if not ENV_NAME.match(name):
            return f"{name[:40]!r} is no variable name: use letters, digits and _, not first a digit."
        if len(value.encode("utf-8", "replace")) > MAX_ENV_BYTES:
            return f"{name} is larger than {MAX_ENV_BYTES // 1024} KiB; mount a file instead."
        if "\0" in value:
            return f"{name} holds a NUL character; remove it."
        if name in names:
            return f"{name} is given twice; keep one."
        names.add(name)
    if sum(len(name) + len(value) for name, value in pairs) > 2 * MAX_ENV_BYTES:
        return f"More than {2 * MAX_ENV_BYTES // 1024} KiB in all; mount a file instead."
    return ""


def _gpus(text: str) -> str:
    if not text.isascii() or not text.strip().isdigit():
        return "Give a whole number of GPUs, such as 0 or 8."
    if len(text) > 9 or int(text) > MAX_GPUS:
        return f"At most {MAX_GPUS} GPUs in one pod."
    return ""


def _quantity(text: str, words: str, least: int, most: int, unit: str = "") -> str:
    try:
        value = quantities.millis(text) if unit == "m" else quantities.whole(text)
    except ValueError:
        return words
    if value < least:
        return f"{words} This is too little."
    return f"{words} This is more than any node has." if value > most else ""


def job(spec: WorkloadSpec, namespace: str, key: str, token: str = "") -> dict[str, Any]:
    """The batch/v1 Job that `spec` becomes; `key` binds it to its row, `token` lets into its tools."""
    labels = {KEY_LABEL: key, "app.kubernetes.io/managed-by": "runyard"}
    if spec.kind != "training":
        labels[KIND_LABEL] = spec.kind
    metadata: dict[str, Any] = {"labels": labels}
    if spec.tools:
        declared = [tool.dump() for tool in spec.tools]
        metadata["annotations"] = {TOOLS: json.dumps(declared, separators=(",", ":"))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": spec.name, "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": spec.retries,
            "template": {
                "metadata": metadata,
                "spec": {"restartPolicy": "Never", "containers": [_container(spec, token)]},
            },
        },
    }


def _container(spec: WorkloadSpec, token: str) -> dict[str, Any]:
    amounts = {"cpu": spec.cpu.strip(), "memory": spec.memory.strip()}
    gpus = {"nvidia.com/gpu": spec.gpus.strip()} if int(spec.gpus) else {}
    container: dict[str, Any] = {
        "name": "main",
        "image": spec.image,
        "command": split(spec.command),
        "resources": {"requests": amounts | gpus, "limits": {"memory": amounts["memory"]} | gpus},
    }
    if spec.arguments.strip():
        container["args"] = split(spec.arguments)
    if env := [*_for_tools(spec, token), *({"name": n, "value": v} for n, v in spec.environment)]:
        container["env"] = env
    if spec.tools:
        container["ports"] = [
            {"name": f"tool-{tool.port}", "containerPort": tool.port} for tool in spec.tools
        ]
    return container


def _for_tools(spec: WorkloadSpec, token: str) -> list[dict[str, Any]]:
    """The address to listen on as $(POD_IP), and tokens under the names the tools know; one's own wins."""
    if not spec.tools:
        return []
    given = {name for name, _ in spec.environment}
    wanted = {TOOL_KINDS[tool.kind].token_variable for tool in spec.tools} - given - {""}
    tokens = [{"name": name, "value": token} for name in sorted(wanted) if token]
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return [*tokens, *([] if "POD_IP" in given else [address])]
