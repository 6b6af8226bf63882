"""Picks what decides of Kueue's reasons why no flavor of a queue takes a workload. Pure; for `told`.

Kueue lists the reasons of all flavors in the order of the alphabet: it waits where one of them will have
room, and never starts where none can.
"""

import re
from collections.abc import Iterator, Sequence

_OPENS = "couldn't assign flavors to pod set "
_APART = re.compile(r", (?=insufficient |untolerated |[Ff]lavor |topology |resource |could not )")
_FLAVOR = re.compile(r"[Ff]lavor \"?(?P<name>[^\s,;\"]{1,253})")
_WAITS = ("insufficient unused quota", "topology ")


def deciding(message: str) -> str:
    """The reason that holds it back: of a pod set that never fits, else of the first; else all of it."""
    if _OPENS not in message or "Pending the preemption" in message:
        return message
    reasons = [_of_pod_set(one) for one in message.split(_OPENS)[1:]]
    return next((one for one in reasons if not one.startswith(_WAITS)), reasons[0])


def _of_pod_set(told: str) -> str:
    """Of a flavor that would only have to be waited for; where there is none, of any."""
    reasons = _APART.split(told.partition(": ")[2])
    never = {_flavor(one) for one in reasons if not one.startswith(_WAITS)}
    waits = [one for one in reasons if one.startswith(_WAITS) and _flavor(one) not in never]
    return next(_best_first(waits or reasons))


def _best_first(reasons: Sequence[str]) -> Iterator[str]:
    """GPUs before CPU and memory, and amounts before flavors that are for others."""
    yield from (one for one in reasons if one.startswith("insufficient") and "gpu" in one)
    yield from (one for one in reasons if one.startswith("insufficient"))
    yield from reasons


def _flavor(reason: str) -> str:
    found = _FLAVOR.search(reason)
    return found["name"] if found else ""
