"""How long KAI lets a workload be: by the queues, since its last start, followed as either changes."""

import json
from datetime import datetime, timedelta

import msgspec
import pytest

from runyard.clusters.observed import Seen
from runyard.clusters.scheduler_objects import KaiQueueObject
from tests.workloads.test_observing import job, pod
from tests.workloads.test_queueing import ADMITTED, claim, group, row
from workloads.models import KaiQueue, QueueEntry
from workloads.observing import observe
from workloads.queueing.guarantees import RESOURCE, follow, go_duration, observe_queues
from workloads.waiting.sources import why

START = datetime.fromisoformat("2026-01-02T03:05:00Z")
STARTED = {"annotations": {"kai.scheduler/last-start-timestamp": "2026-01-02T03:05:00Z"}}
ODD = ("0", "0s", "-5m", "5", "h", "1h 30m", "٣h", "9999999999h", "1h" * 500, "")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def queue(name, time=None, parent="", version="1", uid=""):
    spec = {"parentQueue": parent} | ({} if time is None else {"preemptMinRuntime": time})
    meta = {"uid": uid or f"uid-{name}", "name": name, "namespace": "", "resourceVersion": version}
    body = json.dumps({"metadata": meta, "spec": spec}).encode()
    return Seen(RESOURCE, meta["uid"], msgspec.json.decode(body, type=KaiQueueObject))


def told(cluster, *seen):
    """As the sync tells of a batch."""
    retimed = observe_queues(cluster, seen)
    observe(cluster, seen)
    follow(cluster, retimed)
    return retimed


def running(**meta):
    """A job of the queue team-red whose pod runs."""
    return [job(), pod(), group(**{**STARTED, **meta})]


@pytest.mark.parametrize("queues_first", [True, False])
def test_the_nearest_queue_that_says_a_time_counts_whichever_comes_first(red, cluster, queues_first):
    queues = [queue("all", "5h"), queue("research", "2h", "all"), queue("team-red", None, "research")]
    for part in (queues, running()) if queues_first else (running(), queues):
        told(cluster, *part)
    assert row().guaranteed_until == START + 2 * HOUR


def test_it_follows_its_queues(red, cluster):
    told(cluster, queue("research", "2h"), queue("team-red", None, "research"), *running())
    before = row()
    for changed, until in (
        (queue("team-red", "10m", "research", "2"), START + 10 * MINUTE),
        (queue("team-red", None, "research", "3"), START + 2 * HOUR),
        (queue("research", "3h", "", "2"), START + 3 * HOUR),
        (queue("research", None, "", "3"), None),
        (queue("team-red", "1h", "research", "4"), START + HOUR),
        (Seen(RESOURCE, "uid-team-red"), None),
    ):
        told(cluster, changed)
        assert row().guaranteed_until == until
    assert row().version == before.version + 7  # each is told to who looks, and that the queue is gone


def test_a_queue_that_is_not_there_is_said_where_kai_says_nothing(red, cluster, dee):
    said = []
    waiting = pod(phase="Pending", node="", ready=False)
    said_in_table = []
    parts = (
        [job(), waiting, group()],
        [queue("research")],
        [queue("team-red", None, "research")],
        [Seen(RESOURCE, "uid-team-red")],
        [Seen(RESOURCE, "uid-research")],  # no queue is known any more
    )
    for part in parts:
        told(cluster, *part)
        found = why(dee, row(), list(row().pods.all()))
        said.append(found.words if found else None)
        said_in_table.append(row().message)
    gone = "ts queue “team-red” does not exist on the cluster"
    assert said == [None, f"I{gone}.", None, f"I{gone}.", None]
    assert said_in_table == ["", f"i{gone}", "", f"i{gone}", ""]


def test_of_the_queues_that_come_first_and_of_those_that_are_there_the_table_says_the_same(red, cluster):
    told(cluster, queue("research"))
    told(cluster, job(), pod(phase="Pending", node="", ready=False), group())
    assert row().why == "its queue “team-red” does not exist on the cluster"
    told(cluster, pod(version="2", phase="Pending", ready=False))
    assert "queue" not in row().why


def test_a_workload_that_ended_is_not_written_when_its_queue_goes(red, cluster):
    ended = {
        "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-02T03:10:00Z"}]
    }
    told(cluster, queue("research"), queue("team-red"), *running())
    told(cluster, job(version="2", **ended))
    before = row()
    told(cluster, Seen(RESOURCE, "uid-team-red"))
    assert (before.phase, row().version) == ("Completed", before.version)


def test_under_kueue_as_well_it_is_the_queue_of_kai_that_is_missing(red, cluster, dee):
    said = []
    held = [job(), pod(phase="Pending", node="", ready=False), claim(*ADMITTED), group()]
    for part in ([*held, queue("team-red")], [Seen(RESOURCE, "uid-team-red"), queue("research")]):
        told(cluster, *part)
        assert row().queue == "team-a"
        found = why(dee, row(), list(row().pods.all()))
        said.append(found.words if found else None)
    assert said == [None, "Its queue “team-red” does not exist on the cluster."]


def test_a_queue_that_went_away_holds_back_no_pod_that_has_its_node(red, cluster, dee):
    told(cluster, job(), pod(phase="Pending", ready=False), group(), queue("research"))
    assert row().pods.get().scheduled
    assert why(dee, row(), list(row().pods.all())) is None


def test_its_time_begins_anew_with_each_start_and_ends_with_its_place_on_nodes(red, cluster):
    told(cluster, queue("team-red", "1h"), *running())
    again = {"annotations": {"kai.scheduler/last-start-timestamp": "2026-01-02T05:00:00Z"}}
    told(cluster, group(version="2", **again))
    assert row().guaranteed_until == datetime.fromisoformat("2026-01-02T06:00:00Z")
    told(cluster, pod(version="2", phase="Pending", node="", ready=False))
    assert (row().phase, row().guaranteed_until) == ("Pending", None)


@pytest.mark.parametrize(
    "why",
    [
        [queue("team-red", "1h"), job(labels={"kai.scheduler/preemptibility": "non-preemptible"}), pod()],
        [queue("team-red", "0s"), *running()],
        [queue("team-red"), *running()],
        [queue("other", "1h"), *running()],
        [queue("team-red", "1h"), *running(annotations={})],
        [queue("team-red", "1h"), *running(annotations={"kai.scheduler/last-start-timestamp": "soon"})],
        [queue("team-a", "1h"), queue("team-red", "1h"), *running(), claim()],  # Kueue's, and of that name
    ],
)
def test_nothing_is_told_where_nothing_is_guaranteed(red, cluster, why):
    told(cluster, *why)
    assert row().guaranteed_until is None


def test_queues_that_are_each_others_parents_guarantee_nothing_and_hang_nobody(red, cluster):
    told(cluster, queue("team-red", None, "b"), queue("b", None, "team-red"), *running())
    assert row().guaranteed_until is None


def test_a_queue_whose_status_alone_is_new_writes_nothing(red, cluster, django_assert_num_queries):
    told(cluster, queue("team-red", "1h"), *running())
    with django_assert_num_queries(3) as captured:  # times before, what is known, times after
        assert observe_queues(cluster, [queue("team-red", "1h", version="2")]) == set()
    assert not [q["sql"] for q in captured if q["sql"].split()[0] in ("INSERT", "UPDATE")]


def test_a_queue_that_was_made_anew_under_its_name_counts(red, cluster):
    told(cluster, queue("team-red", "1h"), *running())
    told(cluster, queue("team-red", "2h", uid="uid-second"), Seen(RESOURCE, "uid-team-red"))
    assert row().guaranteed_until == START + 2 * HOUR
    assert KaiQueue.objects.get().uid == "uid-second"


def test_another_clusters_queue_of_that_name_says_nothing(red, cluster):
    from runyard.clusters.models import Cluster

    told(Cluster.objects.create(name="other", kubeconfig=""), queue("team-red", "1h"))
    told(cluster, *running())
    assert row().guaranteed_until is None
    assert QueueEntry.objects.get().started_at == START


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1h30m0s", 90 * MINUTE),
        ("+1.5h", 90 * MINUTE),
        (".5m", MINUTE / 2),
        ("1500ms", timedelta(seconds=1.5)),
        ("2540400h0m0s", timedelta(hours=2_540_400)),
        *[(odd, timedelta()) for odd in ODD],
    ],
)
def test_a_length_of_time_is_read_as_go_writes_it(text, time):
    assert go_duration(text) == time
