"""What the API server asks of the node besides logs; `node.door.Door` answers, tests may bring their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

Obj = dict[str, Any]
Address = tuple[str, int]


class Session(Protocol):
    """A command that runs beside a container, or its own; see `node.sessions` and `node.attached`."""

    async def write(self, data: bytes) -> None: ...
    def close_input(self) -> None: ...
    def resize(self, columns: int, rows: int) -> None: ...
    def output(self, *, error: bool) -> AsyncIterator[bytes]: ...
    async def ended(self) -> int: ...
    def kill(self) -> None: ...


class Door(Protocol):
    """Pages of the kubelet, ways to ports, and what is measured rather than stored."""

    @property
    def name(self) -> str:
        """The node's name."""

    def node_port(self, port: int) -> Address | None:
        """Where on this machine a port of the node is, None when nothing is shown there."""

    def pod_port(self, pod: Obj, port: int) -> Address | None:
        """The same for a port of a pod, on which one of its own processes listens."""

    async def session(
        self, pod: Obj, container: str, command: list[str], *, tty: bool, stdin: bool
    ) -> Session:
        """Run a command beside a container of a pod. ApiError where it does not run."""

    def attached(self, pod: Obj, container: str) -> Session:
        """What a container says from now on. ApiError where it does not run."""

    async def page(self, path: str) -> tuple[bytes, str] | None:
        """Body and media type of one of the kubelet's own pages."""

    async def node_metrics(self) -> list[Obj]:
        """NodeMetrics of metrics.k8s.io."""

    async def pod_metrics(self) -> list[Obj]:
        """PodMetrics of metrics.k8s.io, of all namespaces."""
