"""Picks what decides of Kueue's reasons why no flavor of a queue takes a workload. Pure; for `told`.

Kueue lists the reasons of all flavors in the order of the alphabet: it waits where one of them will have
room, and never starts where none can. A long message is cut, so what no rule can read decides nothing.
"""

import re
from collections.abc import Iterator, Sequence

from workloads.waiting.queues import KUEUE
from workloads.waiting.rules import LOOKED_AT, Told, first

_OPENS = "couldn't assign flavors to pod set "
_APART = re.compile(r", (?=insufficient |untolerated |[Ff]lavor |topology |resource |could not )")
_FLAVOR = re.compile(r"[Ff]lavor \"?(?P<name>[^\s,;\"]{1,253})")
_WAITS = ("insufficient unused quota", "topology ")


def deciding(message: str) -> str:
    """The reason that holds it back: of a pod set that never fits, else of the first; else all of it."""
    if "Pending the preemption" in message:
        return message
    pod_sets = [_readable(one) for one in message[:LOOKED_AT].split(_OPENS)[1:]]
    reasons = [_of_pod_set(one) for one in pod_sets if one]
    return next((one for one in reasons if not one.startswith(_WAITS)), reasons[0] if reasons else message)


def _readable(told: str) -> list[str]:
    reasons = _APART.split(told.partition(": ")[2])
    return [one for one in reasons if first(KUEUE, Told("", "", one))]


def _of_pod_set(reasons: Sequence[str]) -> str:
    """Of a flavor that would only have to be waited for; where there is none, of any."""
    never = {_flavor(one) for one in reasons if not one.startswith(_WAITS)}
    waits = [one for one in reasons if one.startswith(_WAITS) and _flavor(one) not in never]
    return next(_best_first(waits or reasons))


def _best_first(reasons: Sequence[str]) -> Iterator[str]:
    """GPUs before CPU and memory, and amounts before flavors that are for others."""
    amounts = [one for one in reasons if one.startswith("insufficient")]
    yield from (one for one in amounts if "gpu" in one.partition(" in flavor ")[0])
    yield from amounts
    yield from reasons


def _flavor(reason: str) -> str:
    found = _FLAVOR.search(reason)
    return found["name"] if found else ""
