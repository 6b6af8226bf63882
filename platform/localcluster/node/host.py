"""What all pods of this machine share, and what the node and its pods know of each other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from localcluster.backoff import Backoff

from .fields import Machine
from .gpus import Ledger

Obj = dict[str, Any]


class Cluster(Protocol):
    """What the node needs of `localcluster.registry.Registry`."""

    def get(self, resource: str, namespace: str | None, name: str) -> Obj: ...
    def mutate(
        self,
        resource: str,
        namespace: str,
        name: str,
        change: Callable[[Obj], None],
        *,
        subresource: str | None,
    ) -> Obj: ...
    def finalize(self, resource: str, namespace: str, name: str) -> None: ...
    def event(self, regarding: Obj, type: str, reason: str, message: str, component: str) -> None: ...


class Listener(Protocol):
    """What the node wants to hear of its pods."""

    def gpus_freed(self) -> None: ...
    def container_started(self) -> None: ...


@dataclass(frozen=True)
class Host:
    """What all pods of this machine share."""

    registry: Cluster
    pods: Path
    programs: Path
    machine: Machine
    ledger: Ledger
    backoff: Backoff
    node: Listener


@dataclass(frozen=True)
class Verdict:
    """Why the node ends a pod by itself."""

    reason: str
    message: str
    grace: float
    condition: Obj | None = None
