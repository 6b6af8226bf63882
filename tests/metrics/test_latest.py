"""What the latest look makes of workloads and GPUs: use, idleness, and nothing that is not known."""

from datetime import timedelta

import pytest
from django.utils import timezone

from metrics import latest
from metrics.figures import Figure
from metrics.models import Gpu
from metrics.series import Labels
from tests.make import make_pod, make_workload
from workloads.models import Usage

NOW = timezone.now().replace(microsecond=0)
GIB = 2**30


def gpu(index, compute, used=10, pod="sft-0", mig="", free=70):
    labels = Labels("", "red" if pod else "", pod, "", "main", "node-1", str(index), f"GPU-{index}", mig)
    figures = {
        "gpu_compute": compute,
        "gpu_memory": used and used * GIB,
        "gpu_memory_free": free and free * GIB,
    }
    return [Figure(key, labels, value, "H100") for key, value in figures.items() if value is not None]


def pod_figures(cpu, memory, pod="sft-0", container="main"):
    labels = Labels(namespace="red", pod=pod, container=container)
    return [Figure("cpu", labels, cpu), Figure("memory", labels, memory)]


@pytest.fixture
def training(ada_training):
    ada_training.pods.all().delete()
    make_pod(ada_training, name="sft-0", uid="first", node="node-1")
    return ada_training


@pytest.fixture
def told(monkeypatch):
    """The ids of workloads that pages were told of, look by look."""
    rounds = []
    monkeypatch.setattr(latest, "announce", lambda rows: rounds.append([row.pk for row in rows]))
    return rounds


def apply(cluster, *figures, after=0.0):
    latest.apply(cluster, [one for some in figures for one in some], "scrape", NOW + timedelta(minutes=after))


def test_a_workload_uses_what_its_gpus_and_containers_use_together(cluster, training):
    apply(cluster, gpu(0, 80), gpu(1, 40), pod_figures(1.5, GIB), pod_figures(0.5, GIB, container="helper"))
    usage = training.usage
    assert (usage.gpu_compute, usage.gpus_seen, usage.gpus_idle) == (60, 2, 0)
    assert (usage.gpu_memory_bytes, usage.gpu_memory_total_bytes) == (20 * GIB, 160 * GIB)
    assert (usage.cpu_millis, usage.memory_bytes, usage.source) == (2000, 2 * GIB, "scrape")


def test_what_no_source_tells_stays_unknown(cluster, training):
    apply(cluster, pod_figures(1, GIB))
    usage = training.usage
    assert (usage.gpu_compute, usage.gpu_memory_bytes, usage.gpus_seen, usage.gpus_idle) == (None,) * 4


def test_a_gpu_without_utilisation_is_not_called_idle(cluster, training):
    for minute in (0, 6, 12):
        apply(cluster, gpu(0, None), after=minute)
    usage = Usage.objects.get(workload=training)
    assert (usage.gpu_compute, usage.gpus_seen, usage.gpus_idle) == (None, 1, None)


def test_memory_without_what_is_free_has_no_total(cluster, training):
    apply(cluster, gpu(0, 50, free=None))
    assert (training.usage.gpu_memory_bytes, training.usage.gpu_memory_total_bytes) == (10 * GIB, None)


def idle_at(cluster, training, *minutes, compute=0.0):
    for minute in minutes:
        apply(cluster, gpu(0, compute), after=minute)
    return Usage.objects.get(workload=training).gpus_idle


def test_a_gpu_is_idle_after_five_minutes(cluster, training):
    assert idle_at(cluster, training, 0, 2, 4.9) == 0
    assert idle_at(cluster, training, 5) == 1
    assert idle_at(cluster, training, 6, compute=50) == 0


def test_idle_hours_are_summed_when_they_end(cluster, training):
    idle_at(cluster, training, *range(11))
    idle_at(cluster, training, 11, compute=90)
    idle_at(cluster, training, 12, 13)
    idle_at(cluster, training, 14, compute=90)
    assert Usage.objects.get(workload=training).idle_gpu_seconds == 11 * 60


def test_the_next_holder_of_a_gpu_does_not_inherit_its_idle_time(cluster, training, red):
    idle_at(cluster, training, *range(11))
    other = make_workload(red, cluster, name="other")
    make_pod(other, name="other-0", uid="second", namespace="red", node="node-1")
    apply(cluster, gpu(0, 0, pod="other-0"), after=11)
    row = Gpu.objects.get()
    assert (row.pod_uid, row.workload, row.idle_since) == ("second", other, NOW + timedelta(minutes=11))
    assert Usage.objects.get(workload=other).gpus_idle == 0
    assert Usage.objects.get(workload=training).idle_gpu_seconds == 11 * 60


def test_a_gpu_that_nobody_holds_is_listed(cluster, training):
    apply(cluster, gpu(0, 0, pod=""), gpu(1, 30, mig="1g.10gb/7"))
    rows = list(Gpu.objects.order_by("uuid").values_list("uuid", "mig", "workload", "model", "node"))
    assert rows == [
        ("GPU-0", "", None, "H100", "node-1"),
        ("GPU-1", "1g.10gb/7", training.pk, "H100", "node-1"),
    ]


def test_figures_that_nobody_renews_become_unknown(cluster, training, told):
    apply(cluster, gpu(0, 80), pod_figures(1, GIB))
    apply(cluster, after=4)
    assert Usage.objects.get(workload=training).gpu_compute == 80
    apply(cluster, after=6)
    usage = Usage.objects.get(workload=training)
    assert {getattr(usage, name) for name in latest.FIGURES} == {None}
    assert usage.at == NOW, "when it was known last"
    apply(cluster, after=7)
    assert told == [[training.pk], [training.pk]]


def test_pages_are_told_only_of_what_people_can_see(cluster, training, told):
    apply(cluster, gpu(0, 80), pod_figures(1, GIB))
    apply(cluster, gpu(0, 81), pod_figures(1.005, GIB + 4096), after=0.25)
    assert told == [[training.pk]]
    assert Usage.objects.get(workload=training).gpu_compute == 80
    apply(cluster, gpu(0, 81), pod_figures(1.005, GIB + 4096), after=1)
    assert Usage.objects.get(workload=training).at == NOW + timedelta(minutes=1)
    apply(cluster, gpu(0, 20), pod_figures(1.005, GIB + 4096), after=1.25)
    assert told == [[training.pk]] * 2


def test_a_look_costs_the_same_number_of_statements_for_one_and_for_many(
    cluster, red, training, django_assert_max_num_queries
):
    figures = []
    for n in range(50):
        workload = make_workload(red, cluster)
        make_pod(workload, name=f"many-{n}", node="node-1")
        figures += [*gpu(n, n, pod=f"many-{n}"), *pod_figures(n, GIB, pod=f"many-{n}")]
    with django_assert_max_num_queries(10):
        apply(cluster, figures)
    assert Usage.objects.count() == 50


def test_other_clusters_are_left_alone(cluster, training):
    from runyard.clusters.models import Cluster

    apply(cluster, gpu(0, 80))
    other = Cluster.objects.create(name="other", kubeconfig="nowhere")
    apply(other, after=10)
    assert Usage.objects.get(workload=training).gpu_compute == 80


def test_a_change_of_use_alone_is_seen_by_who_keeps_a_copy(cluster, training, ada, browse):
    def read():
        found = browse(ada).get(f"/api/v1/workloads/{training.pk}").json()
        return found["version"], found["used_at"], found["gpu_use_percent"]

    version, measured, _ = read()
    assert measured is None
    apply(cluster, gpu(0, 80))
    first = read()
    assert first == (version, f"{NOW:%Y-%m-%dT%H:%M:%SZ}", 80)
    apply(cluster, gpu(0, 81), after=0.25)
    assert read() == first, "nothing that anybody would see"
    apply(cluster, gpu(0, 20), after=0.5)
    assert read()[1:] == (f"{NOW + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}", 20)
