"""What changed in the specification of a workload on its cluster: one row a field; used by `observing` alone.

Told are the fields of which columns are kept, and that something else changed where only the generation says
so. What people may not see (docs/secrets.md) is taken out before it is written.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from runyard.clusters.objects import RootMeta
from runyard.kit.pages import cores, gib, gpus
from workloads.manifests import redacted
from workloads.models import SpecChange, Workload

#: In the order in which they are told.
FIELDS = (
    "suspended", "image", "gpu_millis", "gpu_memory_bytes", "cpu_millis", "memory_bytes", "pods_requested",
    "runs_requested", "retries", "architecture", "priority", "preemptible", "labels",
)  # fmt: skip
_AMOUNTS: dict[str, Callable[[int], str]] = {
    "gpu_millis": gpus, "gpu_memory_bytes": gib, "cpu_millis": cores, "memory_bytes": gib,
}  # fmt: skip
_SECOND = timedelta(microseconds=999_999)  # what a moment in whole seconds leaves open
OTHER = ""  # the field of a change in something that no column is kept of


def changes(workload: Workload, news: dict[str, Any], meta: RootMeta, now: datetime) -> list[SpecChange]:
    """What the columns in `news`, just observed, say otherwise than `workload`; none the first time."""
    if not workload.resource_version:
        return []
    had = vars(workload)
    told = [(name, *_texts(name, had[name], news[name])) for name in FIELDS if name in news]
    differing = [one for one in told if one[1] != one[2]]
    of_spec = [one for one in differing if one[0] != "labels"]  # they are metadata, and no new generation
    if not of_spec and 0 < workload.generation < news.get("generation", 0):
        differing.append((OTHER, "", ""))
    manager, at = _last_writer(workload, meta) if differing else ("", None)
    at = min(now, at + _SECOND) if at else now  # after what we know to the microsecond of the same second
    return [
        SpecChange(workload=workload, field=name, before=before, after=after, manager=manager, at=at)
        for name, before, after in differing
    ]


def _texts(name: str, before: Any, after: Any) -> tuple[str, str]:
    """Both as people may see them; of lists only what is not in the other."""
    if name in _AMOUNTS:
        return _AMOUNTS[name](before), _AMOUNTS[name](after)
    if isinstance(before, list):
        return _text([one for one in before if one not in after]), _text(
            [o for o in after if o not in before]
        )
    return _text(before), _text(after)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in redacted(value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(redacted(value))


def _last_writer(workload: Workload, meta: RootMeta) -> tuple[str, datetime | None]:
    """Who wrote the object last, its status aside, and when; unknown if that was before what we saw last."""
    written = [one for one in meta.managed_fields or () if one.time and not one.subresource]
    last = max(written, key=lambda one: one.time or workload.changed_at, default=None)
    if last is None or last.time is None or last.time < workload.changed_at.replace(microsecond=0):
        return "", None
    return (last.manager or "").replace("\0", "")[:128], last.time
