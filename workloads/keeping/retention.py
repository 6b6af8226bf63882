"""Lets go of kept logs: what is too old, what a project has too much of (oldest first), what nobody knows.

Celery's beat runs `forget_logs` every hour. The rows of logs stay with their pods, and say what is missing.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils import timezone

from workloads.keeping.models import KeptChunk, KeptLog, LogLimits
from workloads.keeping.store import Store, store
from workloads.keeping.writing import forget

log = logging.getLogger(__name__)
AT_ONCE = 500
_PROJECT = "log__pod__workload__project"
#: The end of a log that is still written is its writer's.
_AT_REST = Q(log__complete=True) | Q(first_line__lt=F("log__lines") - F("lines"))


@shared_task(name="workloads.forget_logs")
def forget_logs() -> None:
    """Everything that is over a limit: a project's own, or else that of the settings."""
    where, own = store(), {limits.project_id: limits.in_force for limits in LogLimits.objects.all()}
    days = {project: most for project, (most, _) in own.items()}
    for project, most in days.items():
        forget_old(where, timedelta(days=most), Q(**{_PROJECT: project}))
    forget_old(where, timedelta(days=settings.LOG_DAYS), ~Q(**{f"{_PROJECT}__in": list(days)}))
    forget_most(where, settings.LOG_PROJECT_BYTES, {project: most for project, (_, most) in own.items()})
    forget_unknown(where)


def forget_old(where: Store, age: timedelta, whose: Q | None = None) -> int:
    """Let go of chunks whose last line is older than `age`; how many."""
    old = KeptChunk.objects.filter(whose or Q(), _too_old(age))
    return sum(_forget(where, batch) for batch in _batches(old))


def _too_old(age: timedelta) -> Q:
    cutoff = timezone.now() - age
    return _AT_REST & (Q(last_at__lt=cutoff) | Q(last_at=None, log__created_at__lt=cutoff))


def forget_most(where: Store, most_bytes: int, own: dict[int, int] | None = None) -> int:
    """Let go of the oldest chunks of each project that has more in the store than `most_bytes`; how many.

    `own` are the limits of projects that have one of their own.
    """
    sums = KeptChunk.objects.values_list(_PROJECT).annotate(Sum("stored_bytes"))
    return sum(
        _forget(where, _oldest(KeptChunk.objects.filter(**{_PROJECT: project}), over))
        for project, stored in sums.order_by()
        if (over := stored - (own or {}).get(project, most_bytes)) > 0
    )


def _oldest(rows: QuerySet[KeptChunk], over: int) -> Iterator[KeptChunk]:
    """The oldest of `rows` that have `over` bytes together."""
    for chunk in rows.filter(_AT_REST).order_by(F("last_at").asc(nulls_first=True)).iterator(AT_ONCE):
        if over <= 0:
            return
        over -= chunk.stored_bytes
        yield chunk


@dataclass(frozen=True, slots=True)
class Share:
    """So many logs have so many bytes in the store; the last of their lines was written `until`."""

    logs: int = 0
    bytes: int = 0
    until: datetime | None = None


def kept_of(project: int) -> Share:
    """What is kept of a project's logs."""
    return _share(KeptChunk.objects.filter(**{_PROJECT: project}))


def lost_of(project: int, age: timedelta, most_bytes: int) -> Share:
    """What would be let go of now, were these a project's limits: `logs` are those that lose lines."""
    rows = KeptChunk.objects.filter(**{_PROJECT: project})
    old, rest = rows.filter(_too_old(age)), rows.exclude(pk__in=rows.filter(_too_old(age)).values("pk"))
    over = (rest.aggregate(sum=Sum("stored_bytes"))["sum"] or 0) - most_bytes
    going = [chunk.pk for chunk in _oldest(rest, over)]
    return _share(rows.filter(Q(pk__in=old.values("pk")) | Q(pk__in=going)))


def _share(rows: QuerySet[KeptChunk]) -> Share:
    found = rows.aggregate(logs=Count("log", distinct=True), bytes=Sum("stored_bytes"), until=Max("last_at"))
    return Share(found["logs"], found["bytes"] or 0, found["until"])


def forget_unknown(where: Store) -> int:
    """Delete what the store has of logs whose rows went with their workload; how many logs."""
    there = set(where.logs())  # before the rows: a log has its row before its first object
    known = set(KeptLog.objects.filter(pk__in=there).values_list("pk", flat=True))
    for number in there - known:
        where.delete_log(number)
    return len(there - known)


def _batches(rows: QuerySet[KeptChunk]) -> Iterator[list[KeptChunk]]:
    while batch := list(rows.order_by("last_at")[:AT_ONCE]):
        yield batch


def _forget(where: Store, chunks: Iterable[KeptChunk]) -> int:
    """From the index first: an object without a row is deleted with its log, a row without one misleads."""
    by_log: dict[int, list[KeptChunk]] = defaultdict(list)
    for chunk in chunks:
        by_log[chunk.log_id].append(chunk)
    for number, gone in by_log.items():
        with transaction.atomic():
            row = KeptLog.objects.select_for_update().filter(pk=number).first()
            if row is not None:
                forget(row, gone)
        where.delete(*(chunk.key for chunk in gone))
    return sum(map(len, by_log.values()))
