"""What a socket is told of a change: a hint. Hints about one topic merge while they wait.

A hint is encoded at most once, however many sockets send it, and never grows past MOST_MERGED rows.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

MOST_MERGED = 500
ALL = "all"  # too many rows to name


@dataclass(frozen=True)
class Hint:
    """`payload`: ids or ALL ("workloads"), a version ("workload:17"), states by name ("clusters")."""

    topic: str
    payload: Any

    def __or__(self, later: "Hint") -> "Hint":
        """Both in one; `later` was said after this one."""
        was, now = self.payload, later.payload
        if isinstance(later, Rows):
            return Hint(self.topic, ALL)
        if isinstance(now, int):
            return Hint(self.topic, max(was, now))
        if ALL in (was, now):
            return Hint(self.topic, ALL)
        return Hint(self.topic, _bounded(was | now))

    @cached_property
    def event(self) -> dict[str, str]:
        """As ASGI sends it. Shared by all who send it: nobody changes it."""
        return _event({"topic": self.topic, "hint": _wire(self.payload)})


@dataclass(frozen=True)
class Rows(Hint):
    """Rows drawn: `payload` is their HTML and the ids of those that come into the table.

    Two that wait for a slow reader become "all": what the first one said is not kept.
    """

    def __or__(self, later: Hint) -> Hint:
        return Hint(self.topic, ALL)

    @cached_property
    def event(self) -> dict[str, str]:
        html, entering = self.payload
        frame = {"topic": self.topic, "rows": html, "entering": sorted(entering)}
        return _event(frame)


def read(name: str, payload: Any) -> Hint:
    """The hint that came over Redis under the hub's topic `name`. Raises TypeError, KeyError for junk."""
    if name.startswith("workloads:"):  # one per project; sockets know only the whole
        return Hint("workloads", _bounded(frozenset(payload)))
    if name == "clusters":
        return Hint(name, {payload["name"]: payload})
    return Hint(name, int(payload))


def _event(frame: dict[str, Any]) -> dict[str, str]:
    return {"type": "websocket.send", "text": json.dumps(frame, separators=(",", ":"))}


def _bounded(payload: Any) -> Any:
    return ALL if isinstance(payload, frozenset) and len(payload) > MOST_MERGED else payload


def _wire(payload: Any) -> Any:
    if isinstance(payload, frozenset):
        return sorted(payload)
    return list(payload.values()) if isinstance(payload, dict) else payload
