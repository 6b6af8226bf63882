"""Who may write which log: claims with an epoch, kept in PostgreSQL, so that no two collectors write one log.

Taking a log raises its epoch, and every write is fenced by it. All times are the database's.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from workloads.keeping.models import KeptLog

CLAIM = timedelta(seconds=45)
FREE = Q(held_until=None) | Q(held_until__lt=Now())


class ClaimLost(Exception):
    """Somebody else writes this log now."""


def holder() -> str:
    """A new name for a collector of this process."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def take(log: KeptLog, holder: str) -> KeptLog | None:
    """The log as it is now, claimed; None while somebody else holds it, or when it is complete."""
    free = KeptLog.objects.filter(FREE, pk=log.pk, complete=False)
    if not free.update(epoch=F("epoch") + 1, holder=holder, held_until=Now() + CLAIM):
        return None
    return KeptLog.objects.filter(pk=log.pk, holder=holder).first()


def renew(holder: str) -> None:
    """Keep all that `holder` has claimed."""
    KeptLog.objects.filter(holder=holder, complete=False).update(held_until=Now() + CLAIM)


def release(log: KeptLog) -> None:
    """Let others take it at once."""
    KeptLog.objects.filter(pk=log.pk, epoch=log.epoch).update(holder="", held_until=None)


def free_abandoned() -> None:
    """Free at once what a process of this machine held that is no more; other claims run out."""
    here = f"{socket.gethostname()}/"
    held = KeptLog.objects.filter(complete=False, holder__startswith=here)
    for name in held.values_list("holder", flat=True).distinct():
        if not psutil.pid_exists(int(name.split("/")[1])):
            held.filter(holder=name).update(holder="", held_until=None)


def grow(log: KeptLog, *, bytes: int, stored_bytes: int, **facts: object) -> None:
    """Add to the sizes of `log` and set `facts`, in row and object, under its epoch. Raises ClaimLost."""
    mine = KeptLog.objects.filter(pk=log.pk, epoch=log.epoch, complete=False)
    if not mine.update(bytes=F("bytes") + bytes, stored_bytes=F("stored_bytes") + stored_bytes, **facts):
        raise ClaimLost
    log.bytes, log.stored_bytes = log.bytes + bytes, log.stored_bytes + stored_bytes
    for name, value in facts.items():
        setattr(log, name, value)


@contextmanager
def fenced(log: KeptLog) -> Iterator[KeptLog]:
    """A transaction that writes only under the epoch of `log`; the row, locked. Raises ClaimLost."""
    with transaction.atomic():
        mine = KeptLog.objects.select_for_update().filter(pk=log.pk, epoch=log.epoch, complete=False).first()
        if mine is None:
            raise ClaimLost
        yield mine
