"""The demonstration's rows are like real ones, and replace what was there."""

from collections import Counter

from django.utils import timezone

from workloads import actions, demo, forms
from workloads.models import Pod, Usage, Verb, Workload
from workloads.queries import visible_workloads
from workloads.spec import WorkloadSpec
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
    running = Workload.objects.filter(phase=Phase.RUNNING)
    assert set(Usage.objects.values_list("workload", flat=True)) == set(running.values_list("pk", flat=True))
    assert running.filter(usage__gpus_idle__gte=1).exists()
    assert not running.filter(gpu_millis=0, usage__gpu_compute__isnull=False).exists()
    safe = Workload.objects.exclude(guaranteed_until=None)
    assert safe.filter(guaranteed_until__gt=timezone.now()).exists()
    assert not safe.exclude(preemptible="yes", queueing__has_key="queue").exists()


def test_of_many_most_have_ended_and_nodes_hold_the_rest(db, monkeypatch):
    monkeypatch.setattr(demo, "MOST_GOING", 40)
    cluster = demo.fill(1_000)
    rows = Workload.objects.all()
    ended = rows.filter(phase__in=(Phase.COMPLETED, Phase.FAILED, Phase.STOPPED)).count()
    assert 900 < ended < 1_000
    assert set(rows.values_list("phase", "reason")) == {(phase, why) for _, phase, why, _ in demo.MIX}
    whole = rows.filter(phase=Phase.RUNNING, gpu_millis__gte=8_000).values_list("nodes", flat=True)
    assert Counter(node for nodes in whole for node in nodes).most_common(1)[0][1] == 1
    assert {node for row in rows for node in row.nodes} <= {node.name for node in cluster.nodes.all()}
    assert not rows.filter(completed_at__gt=timezone.now()).exists()


def test_the_same_seed_makes_the_same_rows(db):
    demo.fill(50)
    first = list(Workload.objects.order_by("name").values_list("name", "phase", "gpu_millis"))
    demo.fill(50)
    assert first == list(Workload.objects.order_by("name").values_list("name", "phase", "gpu_millis"))


def test_nothing_can_be_done_to_rows_without_a_cluster_and_none_is_submitted_there(db, dee, red, cluster):
    demo.fill(50)
    rows = list(Workload.objects.filter(phase=Phase.RUNNING))
    outcome = actions.bulk([row.pk for row in rows], Verb.STOP, dee)
    assert outcome.asked == []
    assert {failure.message for failure in outcome.failed} == {
        "It is demo data: there is no cluster behind it."
    }
    assert forms.fresh(dee, WorkloadSpec(name="mine")).clusters == [cluster]
