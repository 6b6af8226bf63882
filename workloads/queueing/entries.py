"""The schedulers' objects in a batch of observations: read, tied to workloads, written. For `observing`.

A condition that is new is told in the event history, under the name its scheduler gives such an event.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import chain
from typing import Any

from django.db.models import Q

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.kit.writing import insert_rows, write_columns
from workloads.models import Event, Pod, Workload
from workloads.queueing.models import QueueEntry
from workloads.queueing.schedulers import KUEUE, SCHEDULERS, entry_fields

#: Namespace and uid, of a root, a pod or an entry.
Place = tuple[str, str]
_COLUMNS = tuple(f.name for f in QueueEntry._meta.concrete_fields if f.name not in ("id", "cluster", "uid"))
_BAD = frozenset({("QuotaReserved", "False"), ("Evicted", "True")})
#: Told by other conditions or by the pods.
_UNTOLD = frozenset({"Preempted", "Scheduled", "DeactivationTarget"})
_NOT_STARTED = "WaitForStart"  # Kueue says so of what has no pods yet: no news


class Entries:
    """Those that a batch touches, in memory; `load` before `take`, `write` once at the end."""

    def __init__(self, cluster: Cluster, seen: Sequence[Seen]):
        self._cluster = cluster
        self._uids = {one.uid for one in seen if one.resource in SCHEDULERS}
        fields = [
            entry_fields(SCHEDULERS[one.resource], one.object)
            for one in seen
            if one.resource in SCHEDULERS and one.object is not None
        ]
        self._roots = {found["root_uid"] for found in fields} - {""}
        self._rows: dict[str, QueueEntry] = {}
        self._of: dict[Place, dict[str, QueueEntry]] = defaultdict(dict)
        self._changed: dict[str, QueueEntry] = {}
        self._gone: set[str] = set()
        self.events: dict[str, Event] = {}

    def touched(self) -> set[int]:
        """The keys of the workloads they are about, as far as these are known."""
        if not self._uids:
            return set()
        mine = QueueEntry.objects.filter(cluster=self._cluster, uid__in=self._uids).exclude(workload=None)
        pods = Pod.objects.filter(cluster=self._cluster, uid__in=self._roots).exclude(workload=None)
        roots = Workload.objects.filter(cluster=self._cluster, uid__in=self._roots)
        return {
            *mine.values_list("workload_id", flat=True),
            *pods.values_list("workload_id", flat=True),
            *roots.values_list("pk", flat=True),
        }

    def load(self, workloads: Collection[int], new: Collection[str]) -> None:
        """All of `workloads`, and those that came before the roots and pods with the uids `new`."""
        if not self._uids and not new:
            return
        about = (
            Q(uid__among=self._uids)
            | Q(workload=None, root_uid__among=new)
            | Q(workload__pk__among=workloads)
        )
        for row in QueueEntry.objects.filter(about, cluster=self._cluster):
            self._rows[row.uid] = row
            self._of[row.namespace, row.root_uid][row.uid] = row

    def of(self, namespace: str, uids: Iterable[str]) -> list[QueueEntry]:
        """Those that speak for roots or pods with `uids`."""
        if not self._rows:
            return []
        places = ((namespace, uid) for uid in uids if uid)
        return list(chain.from_iterable(self._of[place].values() for place in places if place in self._of))

    def take(self, seen: Seen, now: datetime) -> set[Place]:
        """One observation; the places about which something else is said now."""
        row = self._rows.get(seen.uid)
        if seen.object is None:
            return self._drop(row) if row is not None else set()
        fields = entry_fields(SCHEDULERS[seen.resource], seen.object)
        if row is not None and row.resource_version == fields["resource_version"]:
            return set()
        places = self._drop(row) if row is not None else set()
        self._gone.discard(seen.uid)
        row = row or QueueEntry(cluster=self._cluster, uid=seen.uid)
        if fields["resource"] != KUEUE.resource:
            fields["conditions"] = _since(fields["conditions"], row.conditions)
        self._tell(row, fields, now)
        for name, value in fields.items():
            setattr(row, name, value)
        row.created_at = row.created_at or now
        place = row.namespace, row.root_uid
        self._rows[row.uid] = self._of[place][row.uid] = self._changed[row.uid] = row
        return {*places, place}

    def _drop(self, row: QueueEntry) -> set[Place]:
        place = row.namespace, row.root_uid
        for rows in (self._rows, self._of[place], self._changed):
            rows.pop(row.uid, None)
        if row.pk:
            self._gone.add(row.uid)
        return {place}

    def write(self, workload_at: Callable[[Place], Workload | None]) -> dict[Place, int]:
        """Write what changed; where each of those that have a workload now is, and its workload."""
        places: dict[Place, int] = {}
        for row in self._rows.values():
            workload = workload_at((row.namespace, row.root_uid))
            pk = workload.pk if workload else None
            if row.uid in self._changed or (row.workload_id != pk and pk):
                row.workload_id, self._changed[row.uid] = pk, row
                places |= {(row.namespace, row.uid): pk} if pk else {}
        if self._gone:
            QueueEntry.objects.filter(cluster=self._cluster, uid__in=self._gone).delete()
        write_columns([row for row in self._changed.values() if row.pk], _COLUMNS)
        insert_rows([row for row in self._changed.values() if not row.pk])
        return places

    def _tell(self, row: QueueEntry, fields: dict[str, Any], now: datetime) -> None:
        scheduler = SCHEDULERS[fields["resource"]]
        for one in fields["conditions"]:
            title = _title(one)
            if not title or one in row.conditions or _repeats(one, fields["conditions"]):
                continue
            at = min(datetime.fromisoformat(one["at"]), now) if one["at"] else now
            event = Event(
                cluster=self._cluster,
                uid=_event_uid(row.uid, one),
                resource_version="1",
                namespace=fields["namespace"],
                regarding_uid=row.uid,
                regarding_kind=scheduler.kind,
                regarding_name=fields["name"],
                type="Warning" if _is_bad(one) else "Normal",
                reason=title[:128],
                message=one["message"],
                source=scheduler.name,
                first_at=at,
                last_at=at,
            )
            self.events[event.uid] = event


def _title(condition: dict[str, str]) -> str:
    """The reason of the event that tells of it; empty for none."""
    type_, reason, true = condition["type"], condition["reason"], condition["status"] == "True"
    if type_.startswith("Unschedulable"):
        return (reason or type_) if true else ""
    if type_ == "QuotaReserved":
        return type_ if true else reason or "QuotaNotReserved"
    if type_ == "PodsReady":
        return type_ if true else "" if reason == _NOT_STARTED else "PodsNotReady"
    if not true or type_ in _UNTOLD:  # of the others only what is true is news
        return ""
    return f"EvictedDueTo{reason}" if type_ == "Evicted" else type_


def _repeats(condition: dict[str, str], told: Iterable[dict[str, str]]) -> bool:
    """Whether Kueue says with it once more, in the same words, that it was evicted."""
    others = (one for one in told if one["type"] == "Evicted" and one["status"] == "True")
    return condition["type"] != "Evicted" and any(one["message"] == condition["message"] for one in others)


def _is_bad(condition: dict[str, str]) -> bool:
    type_ = condition["type"]
    return type_.startswith("Unschedulable") or (type_, condition["status"]) in _BAD


def _since(told: list[dict[str, str]], before: list[dict[str, str]]) -> list[dict[str, str]]:
    """`told`, with the first time of what was told before: KAI and Volcano say it anew in each round."""
    times = {_text(one): one["at"] for one in before}
    return [one | {"at": times.get(_text(one), one["at"])} for one in told]


def _text(condition: dict[str, str]) -> tuple[str, ...]:
    return tuple(condition[name] for name in ("type", "status", "reason", "message"))


def _event_uid(uid: str, condition: dict[str, str]) -> str:
    """The same for the same change, however often it is seen."""
    digest = blake2b("\n".join((*_text(condition), condition["at"])).encode(), digest_size=10).hexdigest()
    return f"{uid[:43]}-{digest}"
