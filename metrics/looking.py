"""One look at one cluster by the best source it has; the latest figures and the health of sources from it."""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from metrics import health, latest
from metrics.figures import Figure
from metrics.scraping.endpoints import GPUS, KUBELET
from metrics.scraping.scraper import scraper_of
from metrics.scraping.troubles import TROUBLES
from metrics.sources import finding, prometheus, resource_metrics
from metrics.sources.source import SourceError
from runyard.clusters.connection import ClusterError
from runyard.clusters.models import Cluster

log = logging.getLogger(__name__)
_NODES = (KUBELET, GPUS, *TROUBLES)


def look_at(cluster: Cluster, at: datetime) -> None:
    """Never raises what a cluster or a source can bring about: that is told in their health."""
    finding.renew(cluster, at)
    server = prometheus.server_of(cluster)
    if server is not None:
        try:
            figures, told = server.now(), server.troubles()
        except SourceError as error:
            health.tell(cluster.pk, {(prometheus.NAME, ""): str(error)}, at, [prometheus.NAME])
        else:
            told = {(prometheus.NAME, ""): ""} | told
            _write(cluster, at, told, [prometheus.NAME, *_NODES], figures, prometheus.NAME)
            return
    scrape(cluster, at)


def scrape(cluster: Cluster, at: datetime) -> None:
    """By ourselves. Where a kubelet shows nothing, metrics.k8s.io tells what pods use now."""
    scraper = scraper_of(cluster)
    if not scraper.lock.acquire(blocking=False):
        return  # the look before has not come back yet
    try:
        found = scraper.look(at, settings.METRICS_SECONDS * 0.8)
    except ClusterError as error:
        _write(cluster, at, {(KUBELET, ""): str(error)}, [*_NODES, resource_metrics.NAME])
        return
    finally:
        scraper.lock.release()
    figures, told = list(found.figures), dict(found.told)
    if any(why for (source, _), why in told.items() if source == KUBELET):
        more, told[resource_metrics.NAME, ""] = resource_metrics.now(cluster)
        measured = {(f.labels.namespace, f.labels.pod) for f in figures if f.metric in ("cpu", "memory")}
        figures += [f for f in more if (f.labels.namespace, f.labels.pod) not in measured]
    _write(cluster, at, told, [*_NODES, resource_metrics.NAME], figures, "scrape")


def _write(
    cluster: Cluster,
    at: datetime,
    told: Mapping[tuple[str, str], str],
    sources: Collection[str],
    figures: Iterable[Figure] = (),
    source: str = "",
) -> None:
    """Nothing where the worker stood still since `at`: others have looked, and this would undo theirs."""
    if timezone.now() - at > timedelta(seconds=2 * settings.METRICS_SECONDS):
        log.warning("%s: a look that took too long is dropped", cluster)
        return
    health.tell(cluster.pk, told, at, sources)
    latest.apply(cluster, figures, source, at)
