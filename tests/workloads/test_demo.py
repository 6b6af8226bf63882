"""The demonstration's rows are like real ones, and replace what was there."""

from workloads import demo
from workloads.models import Pod, Workload
from workloads.queries import visible_workloads
from workloads.status import Phase


def test_it_is_believable_and_made_anew_each_time(db, dee):
    for count in (60, 400):
        cluster = demo.fill(count)
        assert visible_workloads(dee).count() == count
    phases = set(Workload.objects.values_list("phase", flat=True))
    assert {Phase.RUNNING, Phase.COMPLETED, Phase.FAILED, Phase.STOPPED} <= phases
    assert Pod.objects.count() > 400
    live = sum(w.gpu_millis for w in Workload.objects.filter(phase=Phase.RUNNING)) / 1000
    assert live <= sum(node.gpus for node in cluster.nodes.all())
    assert not Workload.objects.filter(created_by=None).exists()


def test_the_same_seed_makes_the_same_rows(db):
    demo.fill(50)
    first = list(Workload.objects.order_by("name").values_list("name", "phase", "gpu_millis"))
    demo.fill(50)
    assert first == list(Workload.objects.order_by("name").values_list("name", "phase", "gpu_millis"))
