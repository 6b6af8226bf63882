"""Which sources a cluster has, the best first."""

from metrics.sources import prometheus
from metrics.sources.prometheus import Prometheus
from metrics.sources.resource_metrics import ResourceMetrics
from metrics.sources.source import Source
from metrics.sources.stored import Stored
from runyard.clusters.models import Cluster


def sources_of(cluster: Cluster) -> list[Source]:
    """Its Prometheus, where there is one; what Runyard scraped itself; what pods use now."""
    server = prometheus.server_of(cluster)
    first: list[Source] = [Prometheus(cluster, server)] if server else []
    return [*first, Stored(cluster), ResourceMetrics(cluster)]
