"""Rules of PriorityClasses, and the priority that a new pod gets by the one that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcluster.status import ApiError, forbidden
from localcluster.validation import Problems

if TYPE_CHECKING:
    from localcluster.registry import Registry

Obj = dict[str, Any]
KEY = "priorityclasses.scheduling.k8s.io"
HIGHEST = 1_000_000_000
SYSTEM = {"system-cluster-critical": 2 * HIGHEST, "system-node-critical": 2 * HIGHEST + 1000}
#: The two that every cluster has.
FIRST: tuple[tuple[str, Obj], ...] = tuple(
    (KEY, {"metadata": {"name": name}, "value": value}) for name, value in SYSTEM.items()
)
_POLICIES = ("Never", "PreemptLowerPriority")


def default(obj: Obj) -> None:
    obj.setdefault("value", 0)
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    name, value = obj["metadata"].get("name", ""), obj["value"]
    if old is not None:
        if value != old["value"]:
            problems.forbidden("value", "may not be changed in an update.")
        problems.immutable("preemptionPolicy", obj["preemptionPolicy"], old["preemptionPolicy"])
        return
    if name.startswith("system-") and SYSTEM.get(name) != value:
        problems.forbidden(
            "metadata.name",
            "priority class names with 'system-' prefix are reserved for system use only",
        )
    elif name not in SYSTEM and value > HIGHEST:
        problems.forbidden("value", f"maximum allowed value of a user defined priority is {HIGHEST}")
    problems.one_of("preemptionPolicy", obj["preemptionPolicy"], _POLICIES)


def admit(registry: Registry, pod: Obj) -> None:
    """Set a new pod's priority. ApiError 403 for a class that is not there, or another number beside it."""
    spec, name = pod["spec"], pod["metadata"].get("name", "")
    found = _class_of(registry, spec.get("priorityClassName") or "", name)
    if found:
        spec["priorityClassName"] = found["metadata"]["name"]
        spec.setdefault("preemptionPolicy", found["preemptionPolicy"])
    value = found["value"] if found else 0
    if spec.setdefault("priority", value) != value:
        why = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
        why += f"priority admission controller computed {value} from the given PriorityClass name"
        raise forbidden("pods", name, why)


def _class_of(registry: Registry, wanted: str, pod: str) -> Obj | None:
    """The one that is named, else the default for all where there is one: of several the lowest."""
    if not wanted:
        every = [one for one in registry.list(KEY) if one.get("globalDefault")]
        return min(every, key=lambda one: int(one["value"]), default=None)
    try:
        return registry.get(KEY, None, wanted)
    except ApiError:
        raise forbidden("pods", pod, f"no PriorityClass with name {wanted} was found") from None
