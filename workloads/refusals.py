"""Why the cluster makes no pod of a workload, beside its phase: from what its controller says in events.

Called by `observing_events`; `phases` keeps the words until there is a pod.
"""

from collections.abc import Iterable

from django.db.models import F, Q
from django.db.models.functions import Now

from workloads.models import Event, Workload
from workloads.status import Reason
from workloads.waiting.told import words

FAILED_CREATE = "FailedCreate"


def tell(events: Iterable[Event]) -> None:
    """Put what the newest of these events about a root says into its row, where that has no pod yet."""
    newest: dict[int, Event] = {}
    for event in sorted(events, key=lambda one: one.last_at):
        if event.reason == FAILED_CREATE and event.workload_id and event.regarding_kind != "Pod":
            newest[event.workload_id] = event
    for pk, event in newest.items():
        said = words(event.reason, event.message)
        rows = Workload.objects.filter(
            ~Q(message=said), pk=pk, uid=event.regarding_uid, reason=Reason.NO_PODS, deleted_at=None
        )
        rows.update(message=said, version=F("version") + 1, changed_at=Now())


def still_said(workload: Workload) -> str:
    """What was told of it and holds as long as it has no pod."""
    return workload.message if workload.reason == Reason.NO_PODS else ""
