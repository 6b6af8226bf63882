"""Sums up what the schedulers' objects about one workload say of it now, for its row. Pure.

The sum is a small JSON object: `queue` and `cluster_queue`; `started`, when KAI last gave it nodes; of Kueue,
which alone starts and stops what it holds, `name`, `uid` and `active` of its object; and `says`, why it
waits: [{by, reason, message, at}], of an eviction with `evicted` and the next try, `again`: {at, count}, of
an admission check with `check`. `missing` is the queue of KAI that its cluster has not: KAI passes such a
workload over without a word. Empty where no scheduler speaks of it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from workloads.queueing.models import QueueEntry
from workloads.queueing.schedulers import KAI, KUEUE, SCHEDULERS

MOST, LONGEST = 3, 5_000
_SWITCHED_OFF = "Deactivated"  # opens the reason of an eviction that is over once it is switched on again
_GAVE_UP = "workload is deactivated due to"  # of what people switch off Kueue gives no cause
_COUNTED = ("PodsReadyTimeout", "AdmissionCheck")  # evictions after which it counts the next try, and waits

Sum = dict[str, Any]
Condition = dict[str, str]


def summed(entries: Iterable[QueueEntry], queues: Collection[str] = ()) -> Sum:
    """Of the objects about one workload, in any order; `queues` are those of KAI that are known there."""
    newest = sorted(entries, key=lambda one: (one.created_at, one.uid), reverse=True)
    claims = [one for one in newest if one.resource == KUEUE.resource]
    groups = [one for one in newest if one.resource != KUEUE.resource]
    found: Sum = {}
    if groups:
        started = groups[0].started_at
        found = {
            "queue": groups[0].queue,
            "started": started.isoformat() if started else "",
            "says": _of_groups(groups),
        }
    if claims:
        claim = next((one for one in claims if not _true(one, "Finished")), claims[0])
        found = {**_of_claim(claim), "says": _why(claim) or found.get("says", [])}
    found["missing"] = missing((one.queue for one in groups if one.resource == KAI.resource), queues)
    return {name: value for name, value in found.items() if value not in ("", [])}


def missing(named: Iterable[str], queues: Collection[str]) -> str:
    """The first of `named` that is not among `queues`; empty too where none of these is known."""
    return next((name for name in named if name and name not in queues), "") if queues else ""


def is_switched(queueing: Sum) -> bool:
    """Whether its scheduler alone suspends and resumes it."""
    return "active" in queueing


def _of_claim(claim: QueueEntry) -> Sum:
    queues = {"queue": claim.queue, "cluster_queue": claim.cluster_queue}
    return queues | {"name": claim.name, "uid": claim.uid, "active": claim.active}


def _why(claim: QueueEntry) -> list[dict[str, Any]]:
    """Why Kueue holds it: an eviction, and then what of quota or checks is missing; nothing once admitted."""
    found = {one["type"]: one for one in claim.conditions}
    evicted = found.get("Evicted") if _true(claim, "Evicted") else None
    if _true(claim, "Finished"):
        return []
    if not claim.active:
        return [_say(claim, evicted)] if evicted and _GAVE_UP in evicted["message"].lower() else []
    if evicted and evicted["reason"].startswith(_SWITCHED_OFF):
        evicted = None
    if _true(claim, "Admitted") and not evicted:
        return []
    says = [_say(claim, evicted, evicted=True, **_again(claim, evicted))] if evicted else []
    missing = _missing(claim, found)
    return [*says, *(one for one in missing if not evicted or one["message"] != evicted["message"])][:MOST]


def _again(claim: QueueEntry, evicted: Condition) -> dict[str, Any]:
    """Of an eviction after which Kueue counts; what it counted before stands there after others too."""
    return {"again": claim.again} if evicted["reason"] in _COUNTED and any(claim.again.values()) else {}


def _missing(claim: QueueEntry, found: dict[str, Condition]) -> list[dict[str, Any]]:
    if not _true(claim, "QuotaReserved"):
        return [_say(claim, found["QuotaReserved"])] if "QuotaReserved" in found else []
    checks = [one for one in claim.checks if one["state"] != "Ready"]
    if checks:
        return [_say(claim, one | {"reason": one["state"]}, check=one["name"]) for one in checks]
    return [_say(claim, found["Admitted"])] if "Admitted" in found and not _true(claim, "Admitted") else []


def _of_groups(groups: Sequence[QueueEntry]) -> list[dict[str, Any]]:
    """What holds back groups of pods, each message once."""
    says: dict[tuple[str, str], dict[str, Any]] = {}
    for group in groups:
        for one in group.conditions:
            if one["type"].startswith("Unschedulable") and one["status"] == "True" and not _later(group, one):
                says.setdefault((one["reason"], one["message"]), _say(group, one))
    return [*says.values()][:MOST]


def _later(group: QueueEntry, than: Condition) -> bool:
    """Whether the group was scheduled since, as Volcano says it."""
    scheduled = (one for one in group.conditions if one["type"] == "Scheduled" and one["status"] == "True")
    return any(one["at"] > than["at"] for one in scheduled)


def _say(entry: QueueEntry, told: Condition, **more: Any) -> dict[str, Any]:
    by = SCHEDULERS[entry.resource].name
    return {
        "by": by, "reason": told["reason"], "message": told["message"][:LONGEST], "at": told["at"], **more
    }  # fmt: skip


def _true(claim: QueueEntry, type_: str) -> bool:
    return any(one["type"] == type_ and one["status"] == "True" for one in claim.conditions)
