"""Repeated events are one with sums; those of pods not yet known or gone find their workload; old ones go."""

from datetime import datetime, timedelta

import msgspec
import pytest
from django.utils import timezone

from runyard.clusters import objects
from runyard.clusters.observed import Seen
from tests.make import make_event, make_workload
from tests.workloads.test_observing import event, job, pod
from workloads import forgetting, history
from workloads.models import Action, Event, PhaseChange, Pod, SpecChange, Workload
from workloads.observing import observe


def told(uid, at, version="1", count=1, about="pod-1", **fields):
    """An event at a time of one day, such as "03:04:05"."""
    seen = event(uid, about, version, count)
    moment = datetime.fromisoformat(f"2026-01-02T{at}+00:00")
    found = msgspec.structs.replace(seen.object, first_timestamp=moment, last_timestamp=moment, **fields)
    return Seen("events", uid, found)


def folds():
    rows = Event.objects.filter(folded_into=None).order_by("pk")
    return [(row.uid, row.total, f"{row.since:%H:%M:%S}", f"{row.until:%H:%M:%S}") for row in rows]


def test_the_same_said_again_within_an_hour_is_one_with_count_first_and_last(red, cluster):
    observe(cluster, [job(), pod(), told("a", "03:00:00")])
    observe(cluster, [told("b", "03:30:00", count=2), told("c", "04:20:00")])
    assert folds() == [("a", 4, "03:00:00", "04:20:00")]
    assert Event.objects.count() == 3


def test_a_whole_batch_folds_into_its_first_whatever_order_it_comes_in(red, cluster):
    observe(cluster, [told("c", "03:02:00"), told("a", "03:00:00"), told("b", "03:01:00"), job(), pod()])
    assert folds() == [("a", 3, "03:00:00", "03:02:00")]
    assert {row.workload for row in Event.objects.all()} == {Workload.objects.get()}


@pytest.mark.parametrize(
    "other",
    [
        {"reason": "Failed"},
        {"message": "another image"},
        {"type": "Warning"},
        {"about": "pod-2"},
        {"source": objects.EventSource(component="kubelet")},
    ],
)
def test_what_differs_in_anything_one_reads_is_not_folded(red, cluster, other):
    observe(cluster, [told("a", "03:00:00"), told("b", "03:00:01", **other)])
    assert len(folds()) == 2


def test_after_more_than_an_hour_it_is_news_again(red, cluster):
    observe(cluster, [told("a", "03:00:00"), told("b", "04:00:01")])
    assert [fold[:2] for fold in folds()] == [("a", 1), ("b", 1)]


def test_a_count_that_grows_in_the_cluster_grows_the_fold_once_however_often_it_is_seen(red, cluster):
    observe(cluster, [told("a", "03:00:00"), told("b", "03:10:00")])
    for _ in range(2):
        observe(cluster, [told("a", "03:20:00", version="2", count=5)])
        observe(cluster, [told("b", "03:40:00", version="2", count=3)])
    assert folds() == [("a", 8, "03:00:00", "03:40:00")]


def test_the_single_events_of_a_fold_can_be_read(red, cluster, ada, eve):
    observe(cluster, [job(), pod(), told("a", "03:00:00"), told("b", "03:30:00", count=2)])
    workload = Workload.objects.get()
    (fold,) = [one for one in history.latest(ada, workload, 50) if one.type == "normal"]
    assert (fold.count, fold.folded) == (3, True)
    head = int(fold.key.removeprefix("event-"))
    singles, count = history.folded(ada, workload, head)
    assert ([one.count for one in singles], count) == ([2, 1], 2)
    assert history.folded(eve, workload, head) == ([], 0)


def test_events_that_came_before_their_pod_and_after_its_end_find_the_workload(red, cluster, ada):
    observe(cluster, [told("early", "03:00:00")])
    assert Event.objects.get().workload is None
    observe(cluster, [job(), pod()])
    observe(cluster, [Seen("pods", "pod-1")])
    assert Pod.objects.get().gone_at
    observe(cluster, [told("late", "05:00:00", reason="Killing")])
    workload = Workload.objects.get()
    assert {row.uid for row in workload.events.all()} == {"early", "late"}
    events = [one for one in history.latest(ada, workload, 50) if one.type == "normal"]
    assert {one.pod for one in events} == {Pod.objects.get().pk}


def test_a_repetition_of_an_event_without_a_workload_follows_it_to_the_workload(red, cluster):
    observe(cluster, [told("a", "03:00:00")])
    observe(cluster, [told("b", "03:10:00")])
    observe(cluster, [job(), pod()])
    assert set(Event.objects.values_list("workload", flat=True)) == {Workload.objects.get().pk}


@pytest.fixture
def days(settings):
    settings.HISTORY_DAYS = 30
    now = timezone.now()
    return lambda number: now - timedelta(days=number)


def test_old_events_go_and_a_fold_stays_while_its_last_is_young(ada_training, days, monkeypatch):
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    for _ in range(5):
        make_event(ada_training, at=days(31))
    head = make_event(ada_training, at=days(31), total=2, since=days(31), until=days(1))
    make_event(ada_training, at=days(1), folded_into=head)
    make_event(ada_training, at=days(29))
    assert forgetting.forget_history() == 5
    assert Event.objects.count() == 3


def test_what_happened_to_a_workload_goes_only_once_it_is_long_deleted(red, cluster, ada, days):
    for deleted_at in (None, days(29), days(31)):
        row = make_workload(red, cluster, deleted_at=deleted_at)
        PhaseChange.objects.create(workload=row, phase="Running", at=days(60))
        SpecChange.objects.create(workload=row, field="image", at=days(60))
        for state in ("done", "queued"):
            Action.objects.create(
                workload=row, verb="stop", by=ada, state=state, created_at=days(60), due_at=days(60)
            )
    assert forgetting.forget_history() == 3
    assert (PhaseChange.objects.count(), SpecChange.objects.count(), Action.objects.count()) == (2, 2, 5)
    assert Workload.objects.count() == 3
