"""Bulk requests that are too many for one request: done in the background, chunk by chunk.

The Bulk row is the truth, Celery only wakes it. A chunk and the note that it is done are one transaction:
a worker that dies has done its chunk or not, and whoever comes next goes on after it.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from runyard.kit.background import soon
from runyard.tenancy.models import User
from runyard.tenancy.preferences import bulk_begun, note_bulk
from workloads import actions
from workloads.models import Bulk, Verb

log = logging.getLogger(__name__)
CHUNK, CHUNKS = 100, 10
LEASE = timedelta(seconds=15)  # far longer than a chunk takes; after it the reaper wakes the row again
GIVE_UP_AFTER = timedelta(hours=1)
MOST_SHOWN = 3  # of those that go on, at the corner of a page


def begin(by: User, verb: Verb, ids: Sequence[int], losing: Sequence[int] | None = None) -> Bulk:
    """Note what is asked for and have it done soon; `actions.bulk` says what `losing` is."""
    now = timezone.now()
    with transaction.atomic():
        bulk = Bulk.objects.create(
            by=by,
            verb=verb,
            ids=list(ids),
            losing=None if losing is None else list(losing),
            total=len(ids),
            created_at=now,
            due_at=now,
        )
        note_bulk(by, now)
        transaction.on_commit(lambda: wake(bulk.pk), robust=True)
    return bulk


def running_of(user: User) -> list[Bulk]:
    """The person's own that go on, the newest first. Who has begun none lately costs no query."""
    begun = bulk_begun(user)
    if begun is None or timezone.now() - begun > 2 * GIVE_UP_AFTER:
        return []
    running = Bulk.objects.visible_to(user).filter(state=Bulk.State.RUNNING).defer("ids", "losing")
    return list(running.order_by("-created_at")[:MOST_SHOWN])


def cancel(bulk: Bulk) -> bool:
    """Do no more than the chunk that is being done now; whether there was anything left to cancel."""
    return _end(bulk, Bulk.State.CANCELLED)


def wake(pk: int) -> None:
    """Have the next chunk done soon. No Redis is no error: the reaper finds the row."""
    soon(_send, pk)


def _send(pk: int) -> None:
    try:
        carry_on.apply_async(args=[pk], retry=False, expires=60)
    except Exception as error:
        log.warning("bulk %s waits for the reaper: %s", pk, error)


@shared_task(name="workloads.carry_on")
def carry_on(pk: int) -> None:
    """Do a few chunks and ask for the next, so that a long bulk lets others in between."""
    if all(chunk(pk) for _ in range(CHUNKS)):
        wake(pk)


@shared_task(name="workloads.reap_bulks")
def reap() -> None:
    """Wake what nobody is at: lost messages, killed workers. What is too old is given up."""
    now = timezone.now()
    left = Bulk.objects.filter(state=Bulk.State.RUNNING, due_at__lte=now)
    for bulk in left.only("created_at"):
        if now - bulk.created_at > GIVE_UP_AFTER:
            _end(bulk, Bulk.State.GIVEN_UP)
        else:
            wake(bulk.pk)


def chunk(pk: int) -> bool:
    """Do the next CHUNK, unless another worker is at it; whether there is more to do."""
    with transaction.atomic():
        rows = Bulk.objects.select_for_update(of=("self",), skip_locked=True).select_related("by")
        bulk = rows.filter(pk=pk, state=Bulk.State.RUNNING).first()
        if bulk is None:
            return False
        ids = bulk.ids[bulk.done : bulk.done + CHUNK]
        outcome = actions.bulk(ids, Verb(bulk.verb), bulk.by, bulk.losing)
        bulk.failed += [failure.as_json() for failure in outcome.failed]
        bulk.done += len(ids)
        bulk.due_at = timezone.now() + LEASE
        if bulk.done >= bulk.total:
            bulk.state, bulk.finished_at = Bulk.State.DONE, timezone.now()
        bulk.save(update_fields=["done", "failed", "due_at", "state", "finished_at"])
        return bulk.is_running


def _end(bulk: Bulk, state: Bulk.State) -> bool:
    running = Bulk.objects.filter(pk=bulk.pk, state=Bulk.State.RUNNING)
    return bool(running.update(state=state, finished_at=timezone.now()))
