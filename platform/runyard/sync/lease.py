"""Who may write for a cluster: a lease with an epoch, kept in PostgreSQL.

Taking the lease raises the epoch; every write is fenced by it. A worker that slept through its lease,
or from which it was taken, finds another epoch and writes nothing. One that stands still in the middle of a
write loses that write to PostgreSQL's patience.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from runyard.clusters.models import Cluster
from runyard.sync.models import SyncState

LEASE = timedelta(seconds=15)
IDLE = timedelta(seconds=30)  # between two statements of a write
#: By the database's clock: workers' own may differ.
FREE = Q(expires_at=None) | Q(expires_at__lt=Now())


class LeaseLost(Exception):
    """Somebody else syncs this cluster now."""


def holder() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


def take(cluster: Cluster) -> int | None:
    """The new epoch, or None while somebody else holds the lease."""
    SyncState.objects.get_or_create(cluster=cluster)
    with transaction.atomic():
        free = SyncState.objects.select_for_update(skip_locked=True).filter(FREE, cluster=cluster)
        epoch = free.values_list("epoch", flat=True).first()
        if epoch is None:
            return None
        SyncState.objects.filter(cluster=cluster).update(
            epoch=epoch + 1, holder=holder(), expires_at=Now() + LEASE
        )
    return epoch + 1


def renew(cluster: Cluster, epoch: int, **facts: object) -> None:
    """Keep the lease and write what is known of freshness. Raises LeaseLost."""
    rows = SyncState.objects.filter(cluster=cluster, epoch=epoch)
    if not rows.update(expires_at=Now() + LEASE, **facts):
        raise LeaseLost


def free_abandoned() -> None:
    """Free at once what a process of this machine held that is no more; other leases run out."""
    here = f"{socket.gethostname()}/"
    for state in SyncState.objects.exclude(FREE).filter(holder__startswith=here):
        if not psutil.pid_exists(int(state.holder.removeprefix(here))):
            SyncState.objects.filter(pk=state.pk, epoch=state.epoch).update(expires_at=None, holder="")


def release(cluster: Cluster, epoch: int) -> None:
    """Let others take over at once."""
    SyncState.objects.filter(cluster=cluster, epoch=epoch).update(expires_at=None, holder="")


@contextmanager
def fenced(cluster: Cluster, epoch: int) -> Iterator[SyncState]:
    """A transaction that writes only while `epoch` is the latest, and the row as it is. Raises LeaseLost."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            patience = f"{IDLE.total_seconds():.0f}s"
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [patience])
        state = SyncState.objects.select_for_update().filter(cluster=cluster, epoch=epoch).first()
        if state is None:
            raise LeaseLost
        yield state
