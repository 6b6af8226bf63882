"""The Metrics tab: who sees it, what it offers for what runs and what has ended, and its charts as JSON."""

import html
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.utils import timezone

from metrics import reading
from metrics.models import Health
from metrics.scraping.scraper import Scraper
from metrics.sources.stored import Stored
from tests.make import make_pod, make_workload
from tests.metrics import texts

END = timezone.now().replace(second=0, microsecond=0)
START = END - timedelta(minutes=10)


@pytest.fixture(autouse=True)
def own_store_alone(monkeypatch):
    monkeypatch.setattr(reading, "sources_of", lambda cluster: [Stored(cluster)])


@pytest.fixture
def training(ada_training, cluster):
    """Two pods on node-1, measured for three minutes until now: two cores and a GPU each."""
    ada_training.pods.all().delete()
    more = {"node": "node-1", "gpu_millis": 1000, "cpu_millis": 4000, "memory_bytes": 2**31}
    for name in ("sft-0", "sft-1"):
        make_pod(ada_training, name=name, uid=name, created_at=START - timedelta(hours=1), **more)
    scraper = Scraper(cluster)
    for n in range(30, 41):
        gpus = texts.exporter(texts.dcgm({0: (80, 1024, "sft-0"), 1: (40, 2048, "sft-1")}))
        both = b"".join(texts.cadvisor(cpu=100 + 30 * n, pod=name) for name in ("sft-0", "sft-1"))
        scraper.take([gpus, texts.kubelet(both)], START + timedelta(seconds=15 * n))
    return ada_training


def page(client, workload, query=""):
    return client.get(f"/workloads/{workload.pk}/metrics{query}")


def charts(client, workload, query=""):
    told = client.get(f"/workloads/{workload.pk}/metrics/figures{query}").json()
    return told, {one["key"]: one for one in told["charts"]}


def test_ada_sees_a_place_for_each_first_chart(ada, training, browse):
    body = page(browse(ada), training).content.decode()
    assert [body.count(f'data-chart="{key}"') for key in ("gpu_compute", "gpu_memory", "cpu", "memory")] == [
        1
    ] * 4
    assert "sft-0" in body
    assert 'aria-current="page">Metrics' in body


def test_of_a_workload_without_gpus_the_page_says_so(ada, training, browse):
    training.gpu_millis = 0
    training.save()
    body = page(browse(ada), training).content.decode()
    assert "it asks for no GPU" in body
    assert 'data-chart="gpu' not in body


@pytest.mark.parametrize("path", ["metrics", "metrics/figures", "metrics/figures?part=more"])
def test_eve_gets_the_same_404_for_absent_and_forbidden(eve, training, browse, path):
    client = browse(eve)
    forbidden, absent = (client.get(f"/workloads/{pk}/{path}") for pk in (training.pk, 999999999))
    assert (forbidden.status_code, absent.status_code) == (404, 404)
    assert forbidden.content == absent.content


def test_the_mean_is_drawn_over_thin_lines_of_each_gpu(ada, training, browse):
    _, found = charts(browse(ada), training)
    compute = found["gpu_compute"]
    names = [(line["name"], line["line"]["width"]) for line in compute["figure"]["data"]]
    assert names == [("pod 0 GPU 0", 1), ("pod 1 GPU 1", 1), ("mean", 2)]
    assert [line[:2] for line in compute["lines"]] == [
        ["mean", "60 %"],
        ["pod 0 GPU 0", "80 %"],
        ["pod 1 GPU 1", "40 %"],
    ]


def test_what_a_pod_asked_for_is_a_level_across_its_chart(ada, training, browse):
    _, found = charts(browse(ada), training)
    assert [(one["label"]["text"], one["y0"]) for one in found["cpu"]["figure"]["layout"]["shapes"]] == [
        ("request", 4)
    ]
    assert found["memory"]["levels"] == ["request 2 GiB"]
    assert found["gpu_compute"]["levels"] == ["request of 2 GPUs 100 %"]
    assert found["gpu_memory"]["levels"][0].startswith("of the GPU 79.6 GiB")


def test_limits_stand_beside_requests(ada, training, browse):
    main = {"name": "main", "image": "x", "init": False, "cpu_limit": 6000, "memory_limit": 2**31}
    training.pods.update(containers=[main, main | {"init": True, "cpu_limit": 0}])
    _, found = charts(browse(ada), training)
    assert [
        (one["label"]["text"], one["y0"], one["line"]["dash"])
        for one in found["cpu"]["figure"]["layout"]["shapes"]
    ] == [("request", 4, "dash"), ("limit", 6, "dot")]
    assert found["cpu"]["levels"] == ["request 4", "limit 6"]
    assert found["memory"]["levels"] == ["request and limit 2 GiB"]


def test_a_limit_of_one_container_alone_is_none_of_the_pod(ada, training, browse):
    main = {"name": "main", "image": "x", "init": False, "cpu_limit": 6000}
    training.pods.update(containers=[main, {"name": "side", "image": "x", "init": False}])
    _, found = charts(browse(ada), training)
    assert found["cpu"]["levels"] == ["request 4"]


def test_a_part_of_a_gpu_that_was_asked_for_is_a_level(ada, training, browse):
    training.pods.update(gpu_millis=500, gpu_memory_bytes=20 * 2**30)
    first = training.pods.get(name="sft-0")
    _, found = charts(browse(ada), training, f"?pod={first.pk}")
    assert found["gpu_compute"]["levels"] == ["request of 0.5 GPU 50 %"]
    assert found["gpu_memory"]["levels"] == ["request 20 GiB", "of the GPU 79.6 GiB"]


def test_one_pod_alone_can_be_looked_at(ada, training, browse):
    first = training.pods.get(name="sft-0")
    _, found = charts(browse(ada), training, f"?pod={first.pk}")
    assert [line["name"] for line in found["cpu"]["figure"]["data"]] == ["sft-0"]
    assert [line["name"] for line in found["gpu_compute"]["figure"]["data"]] == ["GPU 0"]


def test_one_gpu_alone_can_be_looked_at(ada, training, browse):
    told, found = charts(browse(ada), training, "?gpu=GPU-1")
    assert [line["name"] for line in found["gpu_compute"]["figure"]["data"]] == ["GPU 1"]
    assert told["gpus"] == [["GPU-1", "GPU 1 of node-1"]]


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        ("999999999", 404, "This workload has no pod 999999999: it is another's, or was forgotten."),
        ("others", 404, "This workload has no pod"),
        ("x", 400, "pod is the id of a pod, a whole number."),
        ("-1", 400, "pod is the id of a pod, a whole number."),
        ("9" * 40, 400, "pod is the id of a pod, a whole number."),
    ],
)
def test_page_charts_and_api_say_the_same_of_a_pod_that_is_not_there(
    ada, training, red, cluster, browse, wanted, status, words
):
    other = make_pod(make_workload(red, cluster, name="other"), name="other-0", uid="other-0")
    query, client = f"?pod={other.pk if wanted == 'others' else wanted}", browse(ada)
    shown = page(client, training, query)
    drawn = client.get(f"/workloads/{training.pk}/metrics/figures{query}")
    told = client.get(f"/api/v1/workloads/{training.pk}/metrics{query}")
    assert [answer.status_code for answer in (shown, drawn, told)] == [status] * 3
    assert words in html.unescape(shown.content.decode())
    assert "Show the usual range" in shown.content.decode()
    assert drawn.json()["problem"].startswith(words)
    assert told.json()["message"].startswith(words)


def test_the_other_charts_come_by_a_request_of_their_own(ada, training, browse):
    _, found = charts(browse(ada), training, "?part=more")
    assert found["gpu_power"]["lines"][0][:2] == ["mean", "100 W"]
    assert [line["name"] for line in found["network"]["figure"]["data"]] == ["received"]
    assert found["nvlink"]["figure"] is None


def test_where_figures_come_from_is_said_with_their_age(ada, training, browse):
    for source in ("kubelet", "GPU exporter"):
        Health.objects.create(
            cluster=training.cluster, source=source, node="node-1", ok=True, since=START, seen_at=END
        )
    _, found = charts(browse(ada), training)
    assert found["cpu"]["source"].startswith("From kubelet of node node-1; the newest figure is ")


def test_a_source_that_fails_is_named_with_what_to_do(ada, training, browse):
    Health.objects.create(
        cluster=training.cluster, source="GPU exporter", node="node-1", ok=False, since=START, why="refused"
    )
    told, found = charts(browse(ada), training, "?from=5d&to=4d")
    assert found["gpu_compute"]["figure"] is None
    told, _ = charts(browse(ada), training)
    assert "GPU exporter of node node-1 gives no figures (refused) since " in told["trouble"][0]
    assert "Start the GPU exporter there" in told["trouble"][0]


def test_what_runs_is_shown_up_to_now_and_goes_on(ada, training, browse):
    told, _ = charts(browse(ada), training)
    assert told["live"] is True
    assert (told["count"], told["step"]) == (240, 15)


@pytest.mark.parametrize(("minutes", "chosen"), [(20, "Since start"), (61, "1 h")])
def test_what_is_younger_than_an_hour_is_shown_since_its_start(ada, training, browse, minutes, chosen):
    training.pods.update(created_at=timezone.now() - timedelta(minutes=minutes))
    body = page(browse(ada), training).content.decode()
    assert f'aria-current="true">{chosen}</a>' in body
    told, _ = charts(browse(ada), training)
    assert told["live"] is True
    assert told["count"] * told["step"] == pytest.approx(min(minutes, 60) * 60, abs=15)


@pytest.mark.parametrize("pods", ["young", "none"])
def test_what_runs_for_seconds_is_shown_up_to_now_not_beyond(ada, training, browse, pods):
    training.pods.update(created_at=timezone.now() - timedelta(seconds=3))
    if pods == "none":
        training.pods.all().delete()
    told, _ = charts(browse(ada), training)
    assert (told["live"], told["count"] * told["step"]) == (True, 120)
    assert told["until"] <= f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("gone", ["deleted", "ended"])
def test_what_has_ended_is_shown_whole_and_does_not_go_on(ada, training, browse, gone):
    training.pods.update(**{"gone_at" if gone == "deleted" else "finished_at": END})
    training.deleted_at = END if gone == "deleted" else None
    training.save()
    told, found = charts(browse(ada), training)
    assert told["live"] is False
    assert told["since"] == f"{START - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert len(found["cpu"]["figure"]["data"]) == 3
    body = page(browse(ada), training).content.decode()
    assert f"{END - timedelta(minutes=15):from=%Y-%m-%dT%H:%M:%SZ}" in body, "presets reach back from its end"


def test_a_life_of_seconds_has_a_range_around_it(ada, training, browse):
    training.pods.update(created_at=END - timedelta(seconds=3), finished_at=END)
    told, _ = charts(browse(ada), training)
    assert told["count"] > 8


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?from=2026-11-22T12:00Z&to=2026-11-22T11:00Z", "ends before it begins"),
        ("?from=yesterday", "no moment"),
        ("?from=1999-01-01&to=1999-01-02", "longer than 400 days"),
        (
            "?from=2026-11-22T12:00:00Z&to=2026-11-22T12:00:00.001Z",
            "shorter than 15 seconds",
        ),
    ],
)
def test_a_range_that_makes_no_sense_is_a_400_in_words(ada, training, browse, query, words):
    client = browse(ada)
    answer = page(client, training, query)
    told = client.get(f"/workloads/{training.pk}/metrics/figures{query}")
    assert (answer.status_code, told.status_code) == (400, 400)
    assert any(one in answer.content.decode() and one in told.json()["problem"] for one in words.split("|"))


def test_an_unknown_part_is_a_400_in_words(ada, training, browse):
    answer = browse(ada).get(f"/workloads/{training.pk}/metrics/figures?part=all")
    assert answer.json() == {"problem": "There is no part “all”; there is first and more."}


def test_the_range_goes_with_the_tabs_that_have_times(ada, training, browse):
    query = "?from=2026-11-22T11:00:00Z&to=2026-11-22T12:00:00Z"
    for tab in ("metrics", "events", "logs"):
        body = browse(ada).get(f"/workloads/{training.pk}/{tab}{query}").content.decode()
        kept = "from=2026-11-22T11%3A00%3A00Z&amp;to=2026-11-22T12%3A00%3A00Z"
        assert f"/metrics?{kept}" in body
        assert f"/events?{kept}" in body
        assert f"/logs?at=2026-11-22T11%3A00%3A00Z&amp;{kept}" in body


def test_the_history_keeps_to_the_range(ada, training, browse):
    from tests.make import make_event

    make_event(training, at=END - timedelta(hours=3), reason="Early", message="long ago")
    make_event(training, at=END - timedelta(minutes=5), reason="Late", message="just now")
    body = browse(ada).get(f"/workloads/{training.pk}/events?from=1h").content.decode()
    assert ("just now" in body, "long ago" in body) == (True, False)
    early = f"{END - timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}", f"{END - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    body = browse(ada).get(f"/workloads/{training.pk}/events?from={early[0]}&to={early[1]}").content.decode()
    assert ("just now" in body, "long ago" in body) == (False, True)
    assert browse(ada).get(f"/workloads/{training.pk}/events?from=soon").status_code == 400


def test_scripts_are_fetched_ahead_by_the_names_that_scripts_import_them_by(ada, training, browse):
    body = page(browse(ada), training).content.decode()
    ahead = set(re.findall(r'<link rel="modulepreload" href="/static/js/([a-z-]+)\.js">', body))
    imported = re.findall(r'from "\./([a-z-]+)\.js"', Path(finders.find("js/charts.js")).read_text())
    assert {*imported, "charts"} - ahead == {"times"}, "which main.js imports itself"


def test_only_the_script_of_plotly_is_served_of_its_package():
    assert finders.find("plotly.min.js").endswith("plotly/package_data/plotly.min.js")
    assert finders.find("widgetbundle.js") is None
    assert finders.find("datasets/iris.csv.gz") is None
