"""Lets go of kept logs: what is too old, what a project has too much of (oldest first), what nobody knows.

Celery's beat runs `forget_logs` every hour. The rows of logs stay with their pods, and say what is missing.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import Store, store
from workloads.keeping.writing import forget

log = logging.getLogger(__name__)
AT_ONCE = 500
_PROJECT = "log__pod__workload__project"
#: The end of a log that is still written is its writer's.
_AT_REST = Q(log__complete=True) | Q(first_line__lt=F("log__lines") - F("lines"))


@shared_task(name="workloads.forget_logs")
def forget_logs() -> None:
    """Everything that is over a limit."""
    where = store()
    forget_old(where, timedelta(days=settings.LOG_DAYS))
    forget_most(where, settings.LOG_PROJECT_BYTES)
    forget_unknown(where)


def forget_old(where: Store, age: timedelta) -> int:
    """Let go of chunks whose last line is older than `age`; how many."""
    cutoff = timezone.now() - age
    old = Q(last_at__lt=cutoff) | Q(last_at=None, log__created_at__lt=cutoff)
    return sum(_forget(where, batch) for batch in _batches(KeptChunk.objects.filter(_AT_REST & old)))


def forget_most(where: Store, most_bytes: int) -> int:
    """Let go of the oldest chunks of each project that has more than `most_bytes` in the store; how many."""
    sums = KeptChunk.objects.values_list(_PROJECT).annotate(Sum("stored_bytes"))
    return sum(
        _forget(where, _oldest(project, stored - most_bytes))
        for project, stored in sums.order_by()
        if stored > most_bytes
    )


def _oldest(project: int | None, over: int) -> Iterator[KeptChunk]:
    """Chunks of a project that have `over` bytes together."""
    rows = KeptChunk.objects.filter(_AT_REST, **{_PROJECT: project})
    for chunk in rows.order_by(F("last_at").asc(nulls_first=True)).iterator(AT_ONCE):
        if over <= 0:
            return
        over -= chunk.stored_bytes
        yield chunk


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
