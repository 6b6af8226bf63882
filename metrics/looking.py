"""One look at one cluster by the best source it has; the latest figures and the health of sources from it."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from metrics import health, latest
from metrics.figures import Figure
from metrics.models import Upkeep
from metrics.scraping.endpoints import GPUS, KUBELET
from metrics.scraping.scraper import scraper_of
from metrics.scraping.troubles import TROUBLES
from metrics.sources import finding, prometheus, resource_metrics
from metrics.sources.prometheus import Server
from metrics.sources.source import SourceError
from metrics.store.alone import mortal
from runyard.clusters.connection import ClusterError
from runyard.clusters.models import Cluster

log = logging.getLogger(__name__)
IDLE_SECONDS = 30  # of a worker that stands still while it writes
_NODES = (KUBELET, GPUS, *TROUBLES)


def look_at(cluster: Cluster, now: Callable[[], datetime] = timezone.now) -> None:
    """Never raises what a cluster or a source can bring about: that is told in their health."""
    finding.renew(cluster, now())
    server = prometheus.server_of(cluster)
    if server is None or not _ask(cluster, server, now()):
        scrape(cluster, now)


def _ask(cluster: Cluster, server: Server, at: datetime) -> bool:
    """Whether it gave figures; a failure is told as one of `at`, however long it took."""
    try:
        figures, told = server.now(), server.troubles()
    except SourceError as error:
        _write(cluster, at, {(prometheus.NAME, ""): str(error)}, [prometheus.NAME])
        return False
    told = {(prometheus.NAME, ""): ""} | told
    _write(cluster, at, told, [prometheus.NAME, *_NODES], figures, prometheus.NAME)
    return True


def scrape(cluster: Cluster, now: Callable[[], datetime] = timezone.now) -> None:
    """By ourselves. Where a kubelet shows nothing, metrics.k8s.io tells what pods use now."""
    scraper = scraper_of(cluster)
    if not scraper.lock.acquire(blocking=False):
        return  # the look before has not come back yet
    began = now()
    try:
        found = scraper.look(now, settings.METRICS_SECONDS * 0.8)
    except ClusterError as error:
        _write(cluster, began, {(KUBELET, ""): str(error)}, [*_NODES, resource_metrics.NAME])
        return
    finally:
        scraper.lock.release()
    figures, told = list(found.figures), dict(found.told)
    if any(why for (source, _), why in told.items() if source == KUBELET):
        more, told[resource_metrics.NAME, ""] = resource_metrics.now(cluster)
        measured = {(f.labels.namespace, f.labels.pod) for f in figures if f.metric in ("cpu", "memory")}
        figures += [f for f in more if (f.labels.namespace, f.labels.pod) not in measured]
    _write(cluster, found.at, told, [*_NODES, resource_metrics.NAME], figures, "scrape")


def _write(
    cluster: Cluster,
    at: datetime,
    told: Mapping[tuple[str, str], str],
    sources: Collection[str],
    figures: Iterable[Figure] = (),
    source: str = "",
) -> None:
    """Nothing where a look that began after `at` is written. Of one cluster, one writes at a time."""
    older = Q(written_at=None) | Q(written_at__lte=at)  # one look writes twice where its Prometheus fails
    ahead = Q(written_at__gt=timezone.now() + timedelta(minutes=1))  # of a clock that was put back
    with mortal(IDLE_SECONDS):
        if Upkeep.objects.filter(older | ahead, pk=cluster.pk).update(written_at=at):
            health.tell(cluster.pk, told, at, sources)
            latest.apply(cluster, figures, source, at)
        else:
            log.info("%s: a look is dropped, for a newer one is written", cluster)
