"""The schedulers whose own objects are followed, and how one of these becomes the fields of a row. Pure.

The objects are anybody's to write who may write in their namespace: texts are cut, times checked, and what
they speak for is looked for in their own namespace alone.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from runyard.clusters.objects import Meta
from runyard.clusters.scheduler_objects import KueueWorkload, PodGroup, SchedulerCondition
from workloads.reading import storable

MOST, LONGEST = 30, 10_000  # conditions of an object, characters of a message
_YEARS = range(2000, 2200)  # of times that are taken for what they say
_QUEUE_NAME = "kueue.x-k8s.io/queue-name="
_JOB_UID = "kueue.x-k8s.io/job-uid"
_TOP_OWNER = "kai.scheduler/top-owner-metadata"  # YAML
_LAST_START = "kai.scheduler/last-start-timestamp"
_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OWNERS_UID = re.compile(rf"^uid: *[\"']?({_UID.pattern})", re.MULTILINE)
#: KAI names a group `pg-NAME-UID`, Volcano that of a plain Job `podgroup-UID`.
_NAMES_UID = re.compile(rf"-({_UID.pattern})$")


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One resource of one scheduler: `versions` in the order in which they are asked for."""

    name: str
    group: str
    versions: tuple[str, ...]
    plural: str
    kind: str
    type: type[msgspec.Struct]
    facts: Callable[[Any], dict[str, Any]]

    @property
    def resource(self) -> str:
        """Its name among all resources: "workloads.kueue.x-k8s.io"."""
        return f"{self.plural}.{self.group}"

    def paths(self, namespace: str = "", name: str = "") -> tuple[str, ...]:
        """The URL path of all of it, or of one, in each version."""
        inside = f"/namespaces/{namespace}" if namespace else ""
        one = f"/{name}" if name else ""
        return tuple(f"/apis/{self.group}/{version}{inside}/{self.plural}{one}" for version in self.versions)


def entry_fields(scheduler: Scheduler, found: Any) -> dict[str, Any]:
    """The columns of a QueueEntry row."""
    meta: Meta = found.metadata
    fields = {
        "resource": scheduler.resource,
        "resource_version": meta.resource_version,
        "namespace": meta.namespace,
        "name": meta.name,
        "root_uid": _root_uid(meta)[:64],
        "created_at": meta.creation_timestamp,
        **scheduler.facts(found),
    }
    return storable(fields)


def is_queued(labels: Iterable[str]) -> bool:
    """Whether a workload with `labels` (key=value) is made for a queue of Kueue."""
    return any(label.startswith(_QUEUE_NAME) for label in labels)


def _root_uid(meta: Meta) -> str:
    """The uid of what it speaks for, by the first that says so; empty for nothing."""
    owners = meta.owner_references or ()
    owner = meta.controller or next(iter(owners), None)
    labels, annotations = meta.labels or {}, meta.annotations or {}
    top = _OWNERS_UID.search(annotations.get(_TOP_OWNER, "")[:LONGEST])
    named = _NAMES_UID.search(meta.name)
    return (
        (owner.uid if owner else "")
        or labels.get(_JOB_UID, "")
        or (top[1] if top else "")
        or (named[1] if named else "")
    )


def _kueue(found: KueueWorkload) -> dict[str, Any]:
    spec, status = found.spec, found.status
    checks = (status and status.admission_checks) or ()
    admission = status and status.admission
    again = status and status.requeue_state
    return {
        "queue": ((spec and spec.queue_name) or "")[:253],
        "cluster_queue": ((admission and admission.cluster_queue) or "")[:253],
        "active": spec is None or spec.active is not False,
        "conditions": _conditions((status and status.conditions) or ()),
        "checks": [
            {
                "name": (check.name or "")[:253],
                "state": (check.state or "")[:40],
                "message": (check.message or "")[:LONGEST],
                "at": moment(check.last_transition_time),
            }
            for check in list(checks)[:MOST]
        ],
        "again": {"at": moment(again.requeue_at), "count": again.count or 0} if again else {},
    }


def _pod_group(found: PodGroup) -> dict[str, Any]:
    spec, status = found.spec, found.status
    told = [*((status and status.scheduling_conditions) or ()), *((status and status.conditions) or ())]
    return {"queue": ((spec and spec.queue) or "")[:253], "conditions": _conditions(told)}


def _kai(found: PodGroup) -> dict[str, Any]:
    started = moment((found.metadata.annotations or {}).get(_LAST_START))
    return _pod_group(found) | {"started_at": datetime.fromisoformat(started) if started else None}


def _conditions(told: Iterable[SchedulerCondition]) -> list[dict[str, str]]:
    """Each reason of a condition that has several stands for itself."""
    found = []
    for one in told:
        for reason, message in [(each.reason, each.message) for each in one.reasons or ()] or [
            (one.reason, one.message)
        ]:
            found.append(
                {
                    "type": (one.type or "")[:63],
                    "status": (one.status or "")[:20],
                    "reason": (reason or one.reason or "")[:63],
                    "message": (message or one.message or "")[:LONGEST],
                    "at": moment(one.last_transition_time),
                }
            )
    return found[:MOST]


def moment(text: str | None) -> str:
    """`text` where it is a time with an offset that can be meant, else empty."""
    try:
        at = datetime.fromisoformat((text or "")[:40])
    except ValueError:
        return ""
    return at.isoformat() if at.tzinfo and at.year in _YEARS else ""


KUEUE = Scheduler(
    "Kueue", "kueue.x-k8s.io", ("v1beta2", "v1beta1"), "workloads", "Workload", KueueWorkload, _kueue
)
KAI = Scheduler("KAI", "scheduling.run.ai", ("v2alpha2",), "podgroups", "PodGroup", PodGroup, _kai)
VOLCANO = Scheduler(
    "Volcano", "scheduling.volcano.sh", ("v1beta1",), "podgroups", "PodGroup", PodGroup, _pod_group
)
SCHEDULERS: dict[str, Scheduler] = {one.resource: one for one in (KUEUE, KAI, VOLCANO)}
