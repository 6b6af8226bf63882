"""What people read of a workload: theirs alone, of each pod while it lived; words where there is nothing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from metrics import reading
from metrics.models import Health
from metrics.question import BadQuestion, grid_of
from metrics.scraping.scraper import Scraper
from metrics.series import mean, total
from metrics.sources import choice
from metrics.sources.stored import Stored
from tests.make import make_pod
from tests.metrics import texts
from workloads.status import ENDED, Phase

END = timezone.now().replace(second=0, microsecond=0)
START = END - timedelta(minutes=10)


@pytest.fixture(autouse=True)
def own_store_alone(monkeypatch):
    monkeypatch.setattr(reading, "sources_of", lambda cluster: [Stored(cluster)])


@pytest.fixture
def training(ada_training, cluster):
    """Two pods on node-1, scraped every 15 seconds for ten minutes: two cores each, and a GPU each."""
    ada_training.pods.all().delete()
    for name in ("sft-0", "sft-1"):
        make_pod(ada_training, name=name, uid=name, node="node-1", created_at=START - timedelta(hours=1))
    scraper = Scraper(cluster)
    for n in range(41):
        answers = [texts.exporter(texts.dcgm({0: (80, 1024, "sft-0"), 1: (40, 2048, "sft-1")}))]
        both = b"".join(texts.cadvisor(cpu=100 + 30 * n, pod=name) for name in ("sft-0", "sft-1"))
        scraper.take([*answers, texts.kubelet(both)], START + timedelta(seconds=15 * n))
    return ada_training


def read(user, workload, *metrics, **more):
    return reading.series(user, workload, metrics, more.pop("start", START), more.pop("end", END), **more)


def values(one):
    return np.unique(one.values[~np.isnan(one.values)]).round(2).tolist()


def test_each_pod_and_each_gpu_is_a_series(ada, training):
    found = read(ada, training, "gpu_compute", "cpu", points=10)
    assert [(one.metric, one.labels.pod, values(one)) for one in found.series] == [
        ("gpu_compute", "sft-0", [80]),
        ("gpu_compute", "sft-1", [40]),
        ("cpu", "sft-0", [2]),
        ("cpu", "sft-1", [2]),
    ]
    assert (found.grid.step, found.grid.count, found.empty) == (60, 10, {})
    assert mean(found.of("gpu_compute"))[1:].tolist() == [60] * 9
    assert total(found.of("cpu"))[1:].round(6).tolist() == [4] * 9


def test_pods_and_gpus_can_be_chosen(ada, training):
    first = training.pods.get(name="sft-0")
    assert [one.labels.pod for one in read(ada, training, "gpu_compute", "cpu", pods=[first.pk]).series] == [
        "sft-0",
        "sft-0",
    ]
    assert [one.labels.pod for one in read(ada, training, "gpu_compute", gpus=["GPU-1"]).series] == ["sft-1"]


def test_eve_reads_nothing_of_it(eve, training):
    assert read(eve, training, "cpu").series == []


def test_a_pod_has_figures_only_while_it_lived(ada, training):
    training.pods.filter(name="sft-1").update(gone_at=START + timedelta(minutes=5))
    one = read(ada, training, "gpu_compute", points=10).of("gpu_compute")[1]
    assert np.isnan(one.values).tolist() == [False] * 5 + [True] * 5


def test_the_figures_of_a_deleted_workload_stay(ada, training):
    training.deleted_at = END
    training.save()
    training.pods.update(gone_at=END)
    assert len(read(ada, training, "cpu").series) == 2


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (END, START, "ends before it begins"),
        (END, END, "ends before it begins"),
        (END - timedelta(milliseconds=1), END, "shorter than 15 seconds"),
        (END - timedelta(days=36_525), END, "longer than 400 days"),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC), "longer than 400 days"),
    ],
    ids=["backwards", "nothing", "a millisecond", "a century", "long ago"],
)
def test_a_range_that_makes_no_sense_is_refused_in_words(ada, training, start, end, words):
    with pytest.raises(BadQuestion, match=words):
        read(ada, training, "cpu", start=start, end=end)


@pytest.mark.parametrize("year", [2000, 2039, 9998])
def test_a_range_of_another_time_is_empty_and_no_error(ada, training, year):
    start = datetime(year, 1, 2, tzinfo=UTC)
    for days in (1, 30, 300):
        found = read(ada, training, "cpu", start=start, end=start + timedelta(days=days))
        assert found.series == []
        assert found.empty["cpu"]


def test_unknown_metrics_are_refused_with_those_there_are(ada, training):
    with pytest.raises(BadQuestion, match=r"There is no metric 'gpu_fun'; there are gpu_compute, gpu_memory"):
        read(ada, training, "cpu", "gpu_fun")


@pytest.mark.parametrize("points", [0, -1, 2001])
def test_a_number_of_points_that_makes_no_sense_is_refused(ada, training, points):
    with pytest.raises(BadQuestion, match="1 to 2000"):
        read(ada, training, "cpu", points=points)


@pytest.mark.parametrize("minutes", [1, 15, 60, 1440, 7 * 1440, 30 * 1440, 400 * 1440])
@pytest.mark.parametrize("points", [1, 2, 500, 2000])
@pytest.mark.parametrize("seconds", [0, 7])
def test_a_grid_lies_within_its_range_on_whole_steps(minutes, points, seconds):
    end = END + timedelta(seconds=seconds)
    start = end - timedelta(minutes=minutes)
    grid = grid_of(start, end, points)
    assert 1 <= grid.count <= points
    assert grid.start % grid.step == 0
    assert grid.start > start.timestamp()
    if grid.step > 60:
        assert end.timestamp() <= grid.end < end.timestamp() + grid.step, "with the step that goes on"
    else:
        assert grid.end <= end.timestamp() < grid.end + grid.step or grid.count == 1


def test_what_is_young_is_seen_in_a_range_of_a_month_too(ada, training):
    found = read(ada, training, "cpu", start=END - timedelta(days=30), points=500)
    assert [values(one) for one in found.series] == [[2], [2]], "its minutes are part of a step of hours"


# --- where there is nothing ---


def why(ada, workload, metric, **more):
    return read(ada, workload, metric, **more).empty[metric]


ELSE = (
    "Choose another range, or Since start. If there are none, an administrator's “runyard doctor” says which "
    "sources work and how to get the others."
)


def test_a_workload_without_gpus_is_told_so(ada, training):
    training.gpu_millis = 0
    assert why(ada, training, "gpu_tensor") == "It asks for no GPU."


def test_a_time_without_pods_is_told_so(ada, training):
    before = START - timedelta(days=2)
    assert (
        why(ada, training, "cpu", start=before, end=before + timedelta(hours=1))
        == "No pod of it ran in this time. Choose another range, or Since start."
    )


def test_an_exporter_that_is_away_is_named_with_since_and_what_to_do(ada, training, cluster):
    since = datetime(2026, 3, 4, 12, 3, tzinfo=UTC)
    Health.objects.create(
        cluster=cluster, source="GPU exporter", node="node-1", ok=False, why="refused", since=since
    )
    Health.objects.create(
        cluster=cluster, source="GPU exporter", node="node-2", ok=False, why="else", since=since
    )
    assert why(ada, training, "gpu_tensor") == (
        "The GPU exporter of node node-1 gives no figures (refused) since 4 March 12:03 UTC. "
        "Start the GPU exporter there, on port 9400: docs/metrics.md says how."
    )


def test_figures_that_a_healthy_source_does_not_have_are_said_to_be_missing(ada, training, cluster):
    Health.objects.create(
        cluster=cluster, source="GPU exporter", node="node-1", ok=True, since=START, seen_at=END
    )
    assert (
        why(ada, training, "gpu_tensor")
        == f"GPU exporter of node node-1 had no such figures of it in this time. {ELSE}"
    )


def test_what_has_just_begun_is_told_to_have_figures_soon(ada, training, cluster):
    Health.objects.create(cluster=cluster, source="kubelet", node="node-1", ok=True, since=START, seen_at=END)
    began = timezone.now() - timedelta(seconds=20)
    training.pods.all().delete()  # of those there are figures
    for name in ("new-0", "new-1"):
        make_pod(training, name=name, uid=name, node="node-1", created_at=began, scheduled_at=began)
    found = reading.series(ada, training, ["cpu"], began, timezone.now(), 10)
    words = "Its first figures come in a moment; kubelet of node node-1 told too few to draw so far."
    assert found.empty["cpu"] == words
    long = reading.series(ada, training, ["cpu"], began - timedelta(hours=6), timezone.now(), 240)
    assert long.empty["cpu"] == words, "it began within the last step"
    training.pods.filter(name="new-0").update(scheduled_at=began - timedelta(hours=1))
    found = reading.series(ada, training, ["cpu"], began, timezone.now(), 10)
    assert found.empty["cpu"] == f"kubelet of node node-1 had no such figures of it in this time. {ELSE}"


def test_without_any_source_the_page_still_answers(ada, training, monkeypatch):
    monkeypatch.setattr(reading, "sources_of", lambda cluster: [])
    assert why(ada, training, "cpu") == (
        "Runyard has not found yet what gives figures of its cluster. If it stays so, an administrator's "
        "“runyard doctor” says which sources work and how to get the others."
    )


@pytest.mark.parametrize("pods", [0, 1])
def test_of_what_waits_it_is_said_where_its_reason_stands(ada, training, pods):
    """It is no fault of a source, whether its pods are there and have no node, or are not made yet."""
    training.pods.all().delete()
    for n in range(pods):
        make_pod(training, name=f"new-{n}", uid=f"new-{n}", node="")
    words = "No pod of it has run yet: its Overview says what it waits for."
    assert (why(ada, training, "cpu"), why(ada, training, "gpu_compute")) == (words, words)


@pytest.mark.parametrize("phase", [*ENDED, Phase.STOPPING, Phase.DELETING])
def test_what_is_over_and_never_ran_waits_for_nothing(ada, training, phase):
    training.pods.all().delete()
    make_pod(training, name="new-0", uid="new-0", node="", gone_at=END)
    training.phase = phase
    assert why(ada, training, "cpu") == "No pod of it has run: its Event history says what became of it."


def test_what_is_deleted_and_never_ran_waits_for_nothing(ada, training):
    training.pods.all().delete()
    training.phase, training.deleted_at = Phase.PENDING, END
    assert why(ada, training, "cpu") == "No pod of it has run: its Event history says what became of it."


def test_of_pods_chosen_that_wait_it_is_said_that_they_do_while_others_run(ada, training):
    late = make_pod(training, name="sft-2", uid="sft-2", node="")
    assert (
        why(ada, training, "cpu", pods=[late.pk])
        == "The pods chosen have not run yet. Choose others, or all."
    )
    training.pods.filter(pk=late.pk).update(gone_at=END)
    assert why(ada, training, "cpu", pods=[late.pk]) == "The pods chosen have not run. Choose others, or all."


def test_pods_chosen_of_what_waits_wait_as_all_of_it_does(ada, training):
    training.pods.all().delete()
    first, _ = (make_pod(training, name=f"new-{n}", uid=f"new-{n}", node="") for n in range(2))
    words = "No pod of it has run yet: its Overview says what it waits for."
    assert why(ada, training, "cpu", pods=[first.pk]) == words


def test_a_kubelet_that_is_away_is_told_with_what_to_do(ada, training, cluster):
    told = {"source": "kubelet", "node": "node-1", "ok": False, "why": "no answer within 10 seconds"}
    Health.objects.create(cluster=cluster, since=START, **told)
    before = START - timedelta(days=2)
    training.pods.update(created_at=before, scheduled_at=before)
    found = reading.series(ada, training, ["cpu"], before, before + timedelta(hours=1), 10)
    assert found.empty["cpu"].endswith("whether the API server reaches its kubelet (port 10250).")


def test_a_cluster_that_never_answers_costs_no_error(ada, training, cluster):
    """Its kubeconfig is missing, so that no Prometheus is found and metrics.k8s.io does not answer."""
    names = [type(source).__name__ for source in choice.sources_of(cluster)]
    assert names == ["Stored", "ResourceMetrics"]


# --- the API ---


def get(client, training, query=""):
    return client.get(f"/api/v1/workloads/{training.pk}/metrics{query}")


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_programs_get_the_same_figures(browse, ada, training):
    query = f"?metric=cpu,gpu_memory&from={iso(START)}&to={iso(END)}&points=10"
    body = get(browse(ada), training, query).json()
    assert (body["step"], body["count"], body["start"]) == (60, 10, int(START.timestamp()) + 60)
    memory = body["series"][-1]
    assert (memory["metric"], memory["unit"], memory["gpu_uuid"]) == ("gpu_memory", "bytes", "GPU-1")
    assert set(memory["values"]) == {2048 * 2**20}
    assert [one["metric"] for one in body["series"]] == ["cpu", "cpu", "gpu_memory", "gpu_memory"]


def test_without_parameters_it_is_the_last_hour_of_the_usual_figures(browse, ada, training):
    body = get(browse(ada), training).json()
    assert {one["metric"] for one in body["series"]} == {"gpu_compute", "gpu_memory", "cpu", "memory"}
    assert None in body["series"][0]["values"], "before the first scrape nothing is known"


def test_eve_is_told_there_is_no_such_workload(browse, eve, training):
    assert get(browse(eve), training).status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?from=2026-01-02&to=2026-01-01", "ends before it begins"),
        ("?from=2099-01-01", "begins in the future: leave “from” out, or name a moment that is over"),
        ("?from=2099-01-01&to=2099-01-02", "begins in the future"),
        ("?from=soon", "is no moment"),
        ("?from=1850-01-01T00:00Z", "is no moment"),
        ("?from=1971-01-01", "longer than 400 days"),
        ("?metric=gpu_fun", "There is no metric"),
        ("?points=many", "whole number"),
        ("?points=0", "1 to 2000"),
        ("?pod=sft-0", "the id of a pod"),
        ("?colour=red", "Unknown parameter 'colour'; there are metric, from, to"),
    ],
)
def test_what_makes_no_sense_is_refused_with_400_and_words(browse, ada, training, query, words):
    answer = get(browse(ada), training, query)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True), answer.json()
