"""Status conditions: find one, put one. Pure; used by the controllers."""

from typing import Any

from localcluster import times

Obj = dict[str, Any]


def condition(obj: Obj, kind: str) -> Obj | None:
    """The condition of that type, whatever its status."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), None)


def is_true(obj: Obj, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def put_condition(status: Obj, new: Obj) -> None:
    """Sets one condition of `status`; its transition time moves only when its status does."""
    old = status.get("conditions") or []
    before = next((one for one in old if one["type"] == new["type"]), None)
    same = before is not None and before["status"] == new["status"]
    since = before.get("lastTransitionTime") if before and same else None
    whole = {"lastProbeTime": None, **new, "lastTransitionTime": since or times.now()}
    if before is None:
        status["conditions"] = [*old, whole]
    else:
        status["conditions"] = [whole if one is before else one for one in old]
