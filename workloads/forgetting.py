"""Lets go of history older than RUNYARD_HISTORY_DAYS: events, and all that happened to deleted workloads.

Celery's beat runs `forget_history` every hour. The rows of workloads and their pods stay.
"""

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from workloads.models import Action, Event, PhaseChange, SpecChange

#: Rows deleted in one statement: nobody waits long for what it locks.
AT_ONCE = 2_000


@shared_task(name="workloads.forget_history")
def forget_history() -> int:
    """Delete all that is too old; how many rows."""
    return sum(_forget(rows) for rows in too_old(timezone.now() - timedelta(days=settings.HISTORY_DAYS)))


def too_old(limit: datetime) -> list[QuerySet[Any]]:
    """What is to go, the parts of a fold before its first: that one knows when the last of them came."""
    events = Event.objects.filter(until__lt=limit)
    parts = Event.objects.filter(last_at__lt=limit, folded_into__isnull=False)
    past = {"workload__deleted_at__lt": limit}
    return [
        parts,
        events.filter(folded_into=None),
        PhaseChange.objects.filter(**past),
        SpecChange.objects.filter(**past),
        Action.objects.filter(**past).exclude(state__in=Action.OPEN),
    ]


def _forget(rows: QuerySet[Any]) -> int:
    count = 0
    while found := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        count += rows.model._base_manager.filter(pk__in=found).delete()[0]
        if len(found) < AT_ONCE:
            break
    return count
