"""What Runyard says of itself at `/metrics`, in the text format of Prometheus.

What the database and Redis know is read when it is asked for and is the same from every web server; what a
process measures is its own. Scrapers with the token RUNYARD_METRICS_TOKEN are let in, and administrators of
the system.
"""

from collections.abc import Iterator, Mapping

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from runyard.clusters.models import Cluster
from runyard.kit import measures
from runyard.sync.freshness import freshness_of
from workloads.models import Action, Bulk, KeptLog, Workload
from workloads.status import Phase

QUEUES = ("celery", "sync")


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Absent and forbidden are the same 404."""
    if not _may(request):
        raise Http404("There is no such page, or you may not see it.")
    text = generate_latest(_known) + generate_latest(measures.registry)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _may(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    if token and scheme.lower() == "bearer" and constant_time_compare(given.strip(), token):
        return True
    return bool(request.user.is_active and request.user.is_superuser)


class _Known:
    """What the database and Redis know now."""

    def collect(self) -> Iterator[Metric]:
        yield from _workloads()
        yield from _sync()
        yield from _queues()

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked before it is scraped."""
        return iter(())


_known = CollectorRegistry()
_known.register(_Known())


def _workloads() -> Iterator[Metric]:
    live = Workload.objects.filter(deleted_at=None).order_by()
    found = {
        phase: (count, gpus)
        for phase, count, gpus in live.values_list("phase").annotate(
            count=Count("*"), gpus=Sum("gpu_millis_allocated")
        )
    }
    yield _by(
        "runyard_workloads",
        "Workloads on their clusters.",
        "phase",
        {p: found.get(p, (0, 0))[0] for p in Phase},
    )
    held = sum(gpus for _, gpus in found.values()) / 1000
    yield GaugeMetricFamily("runyard_gpus_allocated", "GPUs that workloads hold.", held)
    bytes_kept = KeptLog.objects.aggregate(sum=Sum("stored_bytes"))["sum"] or 0
    yield GaugeMetricFamily("runyard_kept_log_bytes", "Kept logs in their store, compressed.", bytes_kept)


def _sync() -> Iterator[Metric]:
    followed = list(Cluster.objects.followed().select_related("sync"))
    states = {cluster.name: freshness_of(cluster) for cluster in followed}
    now = timezone.now()
    lags = {name: (now - one.since).total_seconds() for name, one in states.items() if one.since}
    yield _by("runyard_sync_lag_seconds", "Since rows and cluster were equal.", "cluster", lags)
    fresh = {name: float(one.state == "live") for name, one in states.items()}
    yield _by("runyard_sync_fresh", "1 while rows and cluster are equal, but for seconds.", "cluster", fresh)
    odd = {c.name: len(c.sync.quarantined) for c in followed if hasattr(c, "sync")}
    yield _by("runyard_sync_unreadable", "Objects and resources that cannot be read.", "cluster", odd)


def _queues() -> Iterator[Metric]:
    open_ones = dict(
        Action.objects.filter(state__in=Action.OPEN)
        .values_list("state")
        .annotate(count=Count("*"))
        .order_by()
    )
    counts = {state.value: open_ones.get(state.value, 0) for state in Action.OPEN}
    yield _by("runyard_actions_open", "What people asked for and is not done yet.", "state", counts)
    oldest = (
        Action.objects.filter(state__in=Action.OPEN).order_by("created_at").values_list("created_at").first()
    )
    age = (timezone.now() - oldest[0]).total_seconds() if oldest else 0.0
    yield GaugeMetricFamily("runyard_actions_oldest_seconds", "The age of the oldest of them.", age)
    running = Bulk.objects.filter(state=Bulk.State.RUNNING).count()
    yield GaugeMetricFamily("runyard_bulk_actions_running", "Actions on many workloads, under way.", running)
    yield from _broker()


def _broker() -> Iterator[Metric]:
    up = GaugeMetricFamily("runyard_redis_up", "1 while Redis answers.")
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            lengths = {queue: float(client.llen(queue)) for queue in QUEUES}
    except redis.RedisError:
        up.add_metric((), 0)
        yield up
        return
    up.add_metric((), 1)
    yield up
    yield _by("runyard_queue_length", "Tasks that wait for a worker.", "queue", lengths)


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=(label,))
    for key, value in values.items():
        family.add_metric((str(key),), value)
    return family
