"""Celery tasks of metrics: look at every cluster, fold what was staged, thin and forget what is old.

Beat's clock may strike twice: each turn is taken by a conditional update of the cluster's `Upkeep` row.
"""

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from metrics import looking, snapshots
from metrics.models import Upkeep
from metrics.store import folding, thinning
from runyard.clusters.models import Cluster

log = logging.getLogger(__name__)
#: Staged rows wait so long for others of their series: fewer chunks are written.
FOLD_SECONDS = 900
#: What is younger may still be on its way.
YOUNG = timedelta(seconds=30)


@shared_task(name="metrics.look")
def look() -> None:
    """Have every cluster looked at, each by a task of its own."""
    for pk in _clusters():
        if _turn(pk, "scraped_at", settings.METRICS_SECONDS * 0.8):
            look_at.apply_async(args=[pk], expires=settings.METRICS_SECONDS)


@shared_task(name="metrics.look_at")
def look_at(pk: int) -> None:
    """Whatever its sources give; a cluster that takes long costs others nothing."""
    cluster = Cluster.objects.filter(pk=pk).first()
    if cluster is not None:
        looking.look_at(cluster)


@shared_task(name="metrics.fold")
def fold() -> None:
    """Move what was staged into chunks."""
    for pk in _clusters():
        if _turn(pk, "folded_at", FOLD_SECONDS * 0.95):
            folding.fold(pk, timezone.now() - YOUNG)


@shared_task(name="metrics.forget")
def forget() -> None:
    """Thin days that are over, and let go of what is too old."""
    for pk in _clusters():
        while thinning.thin(pk):
            pass
    thinning.forget()


@shared_task(name="metrics.snapshot")
def snapshot() -> None:
    """Note what all projects hold and use, for the overview."""
    snapshots.take(timezone.now())


def _clusters() -> list[int]:
    return list(Cluster.objects.followed().values_list("pk", flat=True))


def _turn(pk: int, what: str, seconds: float) -> bool:
    """Whether it is ours: nobody took one within `seconds`."""
    now: datetime = timezone.now()
    Upkeep.objects.get_or_create(cluster_id=pk)
    over = Q(**{what: None}) | Q(**{f"{what}__lt": now - timedelta(seconds=seconds)})
    ahead = Q(**{f"{what}__gt": now + timedelta(minutes=1)})  # of a clock that was put back
    return bool(Upkeep.objects.filter(over | ahead, pk=pk).update(**{what: now}))
