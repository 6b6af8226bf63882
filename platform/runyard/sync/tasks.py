"""Celery tasks of the sync room: one task follows one cluster, for half an hour, under a lease.

`ensure` runs every few seconds and starts what nobody follows; a killed worker's lease runs out first.
"""

import logging
import threading

from celery import shared_task
from celery.signals import worker_shutting_down

from runyard.clusters.models import Cluster
from runyard.sync import lease
from runyard.sync.models import SyncState
from runyard.sync.runner import Runner

log = logging.getLogger(__name__)
RUN_SECONDS = 1800.0
_shutting_down = threading.Event()


@worker_shutting_down.connect
def _stop_runners(**_: object) -> None:
    _shutting_down.set()


@shared_task(name="sync.ensure")
def ensure() -> None:
    """Have every cluster followed whose lease is free."""
    lease.free_abandoned()
    held = SyncState.objects.exclude(lease.FREE).values("cluster")
    for pk in Cluster.objects.followed().exclude(pk__in=held).values_list("pk", flat=True):
        follow.apply_async(args=[pk], expires=10)


@shared_task(name="sync.follow")
def follow(pk: int) -> None:
    """Follow one cluster until the half hour is over, the lease is lost or the worker shuts down."""
    cluster = Cluster.objects.filter(pk=pk).first()
    if cluster is None or _shutting_down.is_set():
        return
    epoch = lease.take(cluster)
    if epoch is None:
        return
    try:
        Runner(cluster, epoch, _shutting_down).run(RUN_SECONDS)
    except lease.LeaseLost:
        log.warning("cluster %s is followed by somebody else now", cluster)
    finally:
        lease.release(cluster, epoch)
