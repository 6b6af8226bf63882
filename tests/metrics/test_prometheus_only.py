"""A cluster whose only source is Prometheus, a real one: from its samples to the table and the overview."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from metrics import looking, snapshots
from metrics.models import Gpu, Health, PrometheusServer, Scraped, Snapshot
from metrics.overview import overview
from metrics.question import Grid
from tests.make import make_pod
from tests.metrics.prometheus import real
from workloads.models import Usage

SECONDS = snapshots.SECONDS


def openmetrics(now):
    """Half an hour around `now`: GPUs of sft-0 at 80 % and 0 %, two cores and 4 GiB of each pod."""
    times = range(now - 1200, now + 600, 15)
    of = 'namespace="red",pod="sft-0",Hostname="node-1",modelName="NVIDIA H100"'
    lines = ["# TYPE DCGM_FI_DEV_GPU_UTIL gauge"]
    for gpu, percent in ((0, 80), (1, 0)):
        lines += [f'DCGM_FI_DEV_GPU_UTIL{{UUID="GPU-{gpu}",gpu="{gpu}",{of}}} {percent} {at}' for at in times]
    lines.append("# TYPE container_cpu_usage_seconds counter")
    for pod in ("sft-0", "sft-1"):
        labels = f'container="main",namespace="red",pod="{pod}"'
        lines += [f"container_cpu_usage_seconds_total{{{labels}}} {2 * (at - times[0])} {at}" for at in times]
    lines.append("# TYPE container_memory_working_set_bytes gauge")
    for pod in ("sft-0", "sft-1"):
        labels = f'container="main",namespace="red",pod="{pod}"'
        lines += [f"container_memory_working_set_bytes{{{labels}}} {2**32} {at}" for at in times]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    now = int(timezone.now().timestamp())
    with real(tmp_path_factory.mktemp("prometheus"), openmetrics(now)) as (url, _):
        yield url


@pytest.fixture
def training(ada_training, cluster, url):
    """Two pods in a cluster that shows its figures by Prometheus alone."""
    PrometheusServer.objects.create(cluster=cluster, url=url)
    ada_training.pods.all().delete()
    for name in ("sft-0", "sft-1"):
        make_pod(ada_training, name=name, uid=name, node="node-1", created_at=timezone.now())
    ada_training.gpu_millis_allocated, ada_training.cpu_millis_allocated = 2000, 8000
    ada_training.save()
    return ada_training


def test_what_is_used_and_idles_comes_from_it_alone(training, cluster):
    at = timezone.now()
    for minutes in (0, 3, 6):  # idle for five minutes is idle
        looking.look_at(cluster, lambda minutes=minutes: at + timedelta(minutes=minutes))
    usage = Usage.objects.get(workload=training)
    assert (usage.gpu_compute, usage.gpus_seen, usage.gpus_idle) == (40, 2, 1)
    assert usage.cpu_millis == pytest.approx(4000, rel=0.05)
    assert (usage.memory_bytes, usage.source) == (2 * 2**32, "Prometheus")
    assert set(Gpu.objects.values_list("uuid", "workload")) == {
        ("GPU-0", training.pk),
        ("GPU-1", training.pk),
    }
    assert [(told.source, told.ok) for told in Health.objects.all()] == [("Prometheus", True)]
    assert not Scraped.objects.exists(), "Runyard looked itself, though Prometheus answers"


def test_snapshots_and_the_overview_sum_it_up(ada, eve, training, cluster, browse):
    at = timezone.now()
    looking.look_at(cluster, lambda: at)
    snapshots.take(at)
    (kept,) = Snapshot.objects.all()
    assert (kept.project, kept.gpu_millis_allocated, kept.gpu_millis_busy) == (training.project, 2000, 800)
    assert (kept.cpu_millis_allocated, kept.cpu_millis_used) == (8000, pytest.approx(4000, rel=0.05))
    grid = Grid(int(kept.at.timestamp()) - SECONDS, SECONDS, 3)
    busy = snapshots.history(ada, grid)["gpu_millis_busy"]
    assert busy[1] == 800
    assert np.isnan(busy[[0, 2]]).all(), "unknown is a gap, never a zero"
    assert np.isnan(snapshots.history(eve, grid)["gpu_millis_busy"]).all()
    sums = overview(ada).sums
    assert (sums.gpus_seen, sums.gpus_busy, sums.memory_used) == (2, 0.8, 2 * 2**32)
    assert browse(ada).get("/overview/").status_code == 200


def test_when_it_goes_what_was_used_is_not_known_any_more(training, cluster):
    at = timezone.now()
    looking.look_at(cluster, lambda: at)
    PrometheusServer.objects.update(url="http://127.0.0.1:1")
    later = at + timedelta(minutes=6)
    looking.look_at(cluster, lambda: later)
    snapshots.take(later)
    usage = Usage.objects.get(workload=training)
    assert (usage.gpu_compute, usage.cpu_millis) == (None, None)
    kept = Snapshot.objects.get(at=datetime.fromtimestamp(later.timestamp() // SECONDS * SECONDS, UTC))
    assert (kept.gpu_millis_allocated, kept.gpu_millis_busy, kept.cpu_millis_used) == (2000, None, None)
    assert not Health.objects.get(source="Prometheus").ok
