"""The tools of a workload: what it serves for people, such as Jupyter, and on which port of its pod.

No database. Ours are written by the form; any object on a cluster may declare its own in the annotation TOOLS
on its pod template, `[{"name": "jupyter", "port": 8888, "kind": "jupyter", "path": "/lab"}]`: hostile text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote

import msgspec
from django.utils.crypto import salted_hmac

TOOLS = "runyard.io/tools"
MOST_TOOLS, MOST_BYTES = 10, 16_384
FIRST_PORT, LAST_PORT = 1024, 65_535
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?\Z")
_PCHAR = r"[-A-Za-z0-9._~!$&'()*+,;=:@%/]"  # RFC 3986, 3.3
_PATH = re.compile(rf"/(?!/){_PCHAR}{{0,200}}(\?({_PCHAR}|\?){{0,200}})?\Z")


@dataclass(frozen=True, slots=True)
class ToolKind:
    """A tool people know by name: what it is called, and where it listens unless it is told otherwise."""

    name: str
    title: str
    port: int
    path: str = "/"
    image: str = ""  # and command, with {port}: what runs it where nothing else is said
    command: str = ""
    token_variable: str = ""  # asks for the token in this variable, once, as ?token=


TOOL_KINDS: dict[str, ToolKind] = {
    kind.name: kind
    for kind in (
        ToolKind(
            "jupyter",
            "Jupyter",
            8888,
            "/lab",
            "jupyter/minimal-notebook",
            "jupyter lab --ip=$(POD_IP) --port={port} --no-browser --ServerApp.allow_remote_access=True",
            "JUPYTER_TOKEN",
        ),
        ToolKind(
            "vscode",
            "VS Code",
            8080,
            image="codercom/code-server",
            command="code-server --bind-addr $(POD_IP):{port} --auth none",
        ),
        ToolKind(
            "tensorboard",
            "TensorBoard",
            6006,
            image="tensorflow/tensorflow",
            command="tensorboard --host $(POD_IP) --port {port} --logdir .",
        ),
        ToolKind(
            "mlflow",
            "MLflow",
            5000,
            image="ghcr.io/mlflow/mlflow",
            command="mlflow server --host $(POD_IP) --port {port}",
        ),
        ToolKind(
            "ray",
            "Ray dashboard",
            8265,
            image="rayproject/ray",
            command="ray start --head --block --dashboard-host $(POD_IP) --dashboard-port {port}",
        ),
        ToolKind("custom", "Custom tool", 8000),
    )
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `name` is unique in its workload and part of a host name; `path` is the page it opens at."""

    name: str
    port: int
    kind: str = "custom"
    path: str = "/"

    @property
    def title(self) -> str:
        """As people call it: "Jupyter", or for a second one or one of their own its name."""
        kind = TOOL_KINDS.get(self.kind)
        return kind.title if kind and self.name == kind.name else self.name

    @property
    def command(self) -> str:
        """The command line that starts it, where its kind has one."""
        kind = TOOL_KINDS.get(self.kind)
        return kind.command.replace("{port}", str(self.port)) if kind else ""

    @property
    def image(self) -> str:
        kind = TOOL_KINDS.get(self.kind)
        return kind.image if kind else ""

    def dump(self) -> dict[str, Any]:
        return asdict(self)


def completed(kind: str, name: str = "", port: int | None = None, path: str = "") -> Tool:
    """A tool of `kind`; what is not given is as the kind has it."""
    known = TOOL_KINDS.get(kind, TOOL_KINDS["custom"])
    return Tool(name or known.name, known.port if port is None else port, kind, path or known.path)


def brought(tools: Sequence[Tool]) -> dict[str, str]:
    """What they bring where it is left empty: an image, and a command where just one of them has one."""
    images, commands = (
        [one.image for one in tools if one.image],
        [one.command for one in tools if one.command],
    )
    return {"image": images[0] if images else "", "command": commands[0] if len(commands) == 1 else ""}


def problem(tools: Sequence[Tool]) -> str:
    """What is wrong with `tools`, in words that say what to do; empty when all is well."""
    if len(tools) > MOST_TOOLS:
        return f"At most {MOST_TOOLS} tools; remove some."
    names, ports = [tool.name for tool in tools], [tool.port for tool in tools]
    for tool in tools:
        if words := _wrong(tool):
            return words
        if names.count(tool.name) > 1:
            return f"Two tools are called {tool.name}; give each a name of its own."
        if ports.count(tool.port) > 1:
            return f"Two tools listen on port {tool.port}; give each a port of its own."
    return ""


def _wrong(tool: Tool) -> str:
    called = repr(tool.name[:40])
    if not _NAME.match(tool.name):
        return f"{called} is no name for a tool: use up to 40 lower-case letters, digits and hyphens."
    if tool.kind not in TOOL_KINDS:
        return f"{tool.kind[:40]!r} is no kind of tool; choose one of {', '.join(TOOL_KINDS)}."
    if not FIRST_PORT <= tool.port <= LAST_PORT:
        return f"Give {tool.name} a port from {FIRST_PORT} to {LAST_PORT}."
    if not _PATH.match(tool.path) or ".." in unquote(unquote(tool.path)):
        return f"Give {tool.name} a path that begins with one slash, such as /lab."
    return ""


def declared(annotations: Mapping[str, str] | None) -> list[Tool]:
    """The tools an object declares. What is broken declares none: it is anybody's to write."""
    text = (annotations or {}).get(TOOLS, "")
    if not text or len(text) > MOST_BYTES:
        return []
    try:
        tools = msgspec.json.decode(text, type=list[_Declared])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return []
    found = [Tool(tool.name, tool.port, tool.kind, tool.path) for tool in tools]
    return [] if problem(found) else found


def token_of(key: str) -> str:
    """What lets into the tools of the workload `key` that ask for a token: secret, and the same each time."""
    return salted_hmac("runyard.tools", key, algorithm="sha256").hexdigest()[:40]


def load(stored: Sequence[Mapping[str, Any]]) -> list[Tool]:
    """From `Tool.dump`ed JSON, as rows keep it."""
    return [Tool(**one) for one in stored]


class _Declared(msgspec.Struct):
    name: str
    port: int
    kind: str = "custom"
    path: str = "/"
