"""One look at a cluster: the connection, and what the checks have learned so far. Also how they ask it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from metrics.sources.prometheus import Server
from runyard.clusters.connection import Connection, Unreachable
from runyard.doctor.findings import Diagnosis

T = TypeVar("T")
#: What a request may take to answer.
ANSWER_SECONDS = 5.0


class NoApi(Unreachable):
    """What answers does not answer as a Kubernetes API does; `str()` says what it is."""


@dataclass(slots=True)
class Visit:
    """`namespaces`: of the projects; none means any. `prometheus`: one that is set for the cluster."""

    connection: Connection
    namespaces: tuple[str, ...] = ()
    read_only: bool = False
    prometheus: Server | None = None
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)  # API group -> its versions
    node: str = ""  # one that is ready
    gpus: bool = False
    diagnosis: Diagnosis = field(default_factory=Diagnosis)

    def ask(self, path: str, type: type[T], **params: str | int) -> T:
        """The answer to a GET. Raises ClusterError, also for an answer that is no such thing."""
        return decoded(self.connection.read("GET", path, params=params, read_seconds=ANSWER_SECONDS), type)


def decoded(body: bytes, type: type[T]) -> T:
    """Raises NoApi for what is no JSON of that type."""
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.MsgspecError as error:
        what = "it is a web page" if body.lstrip()[:1] == b"<" else str(error)[:100]
        raise NoApi(what) from error


def listed(words: Iterable[str], most: int = 6) -> str:
    """ "a, b and 3 more" """
    every = list(words)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
