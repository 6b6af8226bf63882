"""Prometheus as a source: a real one, one found in the cluster, and every way in which one can go wrong."""

import math
import shutil
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from metrics import looking, promql, reading
from metrics.models import Gpu, Health, PrometheusServer
from metrics.question import PodTime
from metrics.series import METRICS
from metrics.sources import asking, prometheus
from metrics.sources.prometheus import server_of
from tests.make import make_pod
from tests.metrics.prometheus import NOTHING, fake, real
from workloads.models import Usage

START = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
END = START + timedelta(minutes=10)
AT = int(START.timestamp())


@pytest.fixture(autouse=True)
def nothing_remembered():
    prometheus._cached.cache_clear()


@pytest.fixture(scope="module")
def server():
    with fake() as one:
        yield one


@pytest.fixture
def playing(server, cluster):
    """The fake, asked for `cluster`."""
    server.answer, server.status, server.headers = NOTHING, 200, {}
    server.asked.clear()
    PrometheusServer.objects.create(cluster=cluster, url=server.url)
    return server


@pytest.fixture
def training(ada_training):
    """Two pods, there from before START on."""
    ada_training.pods.all().delete()
    for name in ("sft-0", "sft-1"):
        make_pod(ada_training, name=name, uid=name, node="node-1", created_at=START - timedelta(hours=1))
    return ada_training


def read(ada, training, *metrics, **more):
    return reading.series(ada, training, metrics, START, END, points=10, **more)


def matrix(*results):
    return {"status": "success", "data": {"resultType": "matrix", "result": list(results)}}


def one_series(values, key="cpu", **labels):
    labels = {"namespace": "red", "pod": "sft-0", promql.TAG: key} | labels
    return {"metric": labels, "values": values}


# --- a real one ---


def openmetrics():
    """Ten minutes, every 15 seconds: a GPU under each spelling, two containers of two cores each."""
    lines = []
    gauges = (
        ('DCGM_FI_DEV_GPU_UTIL{UUID="GPU-0",gpu="0",namespace="red",pod="sft-0"}', 80),
        (
            'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-1",gpu="1",namespace="gpu-operator",pod="dcgm-x",'
            'exported_namespace="red",exported_pod="sft-1"}',
            40,
        ),
        ('DCGM_FI_DEV_GPU_UTIL{UUID="GPU-2",gpu="2",namespace="blue",pod="sft-0"}', 99),
        ('DCGM_FI_DEV_FB_USED{UUID="GPU-0",gpu="0",namespace="red",pod="sft-0"}', 1024),
    )
    for family in ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED"):
        lines.append(f"# TYPE {family} gauge")
        for labels, value in gauges:
            if labels.startswith(family):
                lines += [f"{labels} {value} {AT + 15 * n}" for n in range(-8, 41)]
    lines.append("# TYPE container_cpu_usage_seconds counter")
    for container in ("main", "helper", ""):
        labels = f'container="{container}",namespace="red",pod="sft-0"'
        lines += [
            f"container_cpu_usage_seconds_total{{{labels}}} {1000 + 30 * n} {AT + 15 * n}"
            for n in range(-20, 41)
        ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def real_url(tmp_path_factory):
    assert shutil.which("prometheus"), "install it: apt-get install prometheus"
    with real(tmp_path_factory.mktemp("prometheus"), openmetrics()) as (url, _):
        yield url


def values(one):
    return np.unique(one.values[~np.isnan(one.values)]).round(3).tolist()


def test_a_real_one_tells_of_gpus_and_pods_under_both_spellings(real_url, ada, training, cluster):
    PrometheusServer.objects.create(cluster=cluster, url=real_url + "/")
    found = read(ada, training, "gpu_compute", "gpu_memory", "cpu", "gpu_tensor")
    assert [(one.metric, one.labels.pod_uid, one.labels.gpu_uuid, values(one)) for one in found.series] == [
        ("gpu_compute", "sft-0", "GPU-0", [80]),
        ("gpu_compute", "sft-1", "GPU-1", [40]),
        ("gpu_memory", "sft-0", "GPU-0", [1024 * 2**20]),
        ("cpu", "sft-0", "", [4]),
    ]
    assert all(not np.isnan(one.values).any() for one in found.series)
    assert "Prometheus had no such figures" in found.empty["gpu_tensor"]


def test_a_real_one_says_why_it_cannot_answer(real_url, ada, training, cluster):
    PrometheusServer.objects.create(cluster=cluster, url=real_url, matchers="not a matcher")
    found = read(ada, training, "cpu")
    assert "parse error" in found.empty["cpu"]
    assert not found.sources[0].ok


# --- what is asked ---


def test_all_charts_are_one_request_and_the_next_one_is_none(playing, ada, training):
    for _ in range(3):
        read(ada, training, "gpu_compute", "cpu", "memory")
    assert [path for path, _, _ in playing.asked] == ["/api/v1/query_range"]
    _, asked, _ = playing.asked[0]
    assert (int(asked["start"]), int(asked["end"]), int(asked["step"])) == (AT + 60, AT + 600, 60)


def test_token_and_headers_go_along_and_the_token_is_read_anew(playing, ada, training, cluster, tmp_path):
    token = tmp_path / "token"
    token.write_text("one\n")
    PrometheusServer.objects.update(token_file=str(token), headers={"X-Scope-OrgID": "team"})
    read(ada, training, "cpu")
    token.write_text("two\n")
    read(ada, training, "memory")
    sent = [(headers["Authorization"], headers["X-Scope-OrgID"]) for _, _, headers in playing.asked]
    assert sent == [("Bearer one", "team"), ("Bearer two", "team")]


def test_many_pods_are_asked_for_in_several_queries():
    pods = [PodTime(str(n), "red", f"a-rather-long-name-of-a-pod-{n:05}", "", 0, None) for n in range(1000)]
    batches = list(promql.batches(pods))
    assert sorted(pod.uid for batch in batches for pod in batch) == sorted(pod.uid for pod in pods)
    assert all(len(promql.over_range([METRICS["cpu"]], batch, 60)) < 8_000 for batch in batches)


def test_names_cannot_break_out_of_a_query():
    pod = PodTime("u", 'red"} or up{x="', "a.b", "", 0, None)
    query = promql.over_range([METRICS["cpu"]], [pod], 60, 'cluster="a"')
    assert 'namespace="red\\"} or up{x=\\""' in query
    assert 'pod=~"a\\\\.b"' in query
    assert 'cluster="a"' in query


# --- what goes wrong ---


def test_gaps_nonsense_and_the_same_time_twice(playing, ada, training):
    times = [AT + 60 * n for n in range(1, 11)]
    texts = ["1", "NaN", "+Inf", "4", "5", "6", "7", "8", "9", "10"]
    rows = [*zip(times, texts, strict=True), (times[3], "44"), (AT - 6000, "1"), (AT + 99_999, "1")]
    playing.answer = matrix(one_series(rows))
    (one,) = read(ada, training, "cpu").series
    assert [None if math.isnan(v) else v for v in one.values] == [1, None, None, 44, 5, 6, 7, 8, 9, 10]


TOO_MUCH = b"[" * (asking.MOST_BYTES + 1)  # made before: what is measured in time is only how it is read
HTML = b"<!DOCTYPE html><html><body>Please sign in</body></html>"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (HTML, 200, "is no Prometheus: HTTP 200, a web page"),
        (HTML, 404, "is no Prometheus: HTTP 404, a web page"),
        (b"", 200, "is no Prometheus"),
        (b"{}", 200, "is no Prometheus"),
        (b'{"status": "succ', 200, "is no Prometheus"),
        ({"status": "success", "data": {"resultType": "scalar", "result": []}}, 200, "it sent no matrix"),
        ({"status": "error", "error": "query timed out"}, 503, "cannot answer: query timed out"),
        ({"status": "error", "error": "no"}, 401, "refuses us (HTTP 401). Check its token"),
        (HTML, 403, "refuses us (HTTP 403). Check its token"),
        (HTML, 302, "sends us elsewhere, to /login"),
        (TOO_MUCH, 200, "more than 10 MiB. Ask for a shorter time"),
        (matrix(one_series([[AT, 5]])), 200, "is no Prometheus"),
        (matrix(one_series([[AT + 60, "many"]])), 200, "sent 'many' as a figure. Look at what answers"),
    ],
    ids=["page", "404", "empty", "no answer", "cut", "scalar", "late", "401", "403", "302", "10 MiB", "odd",
         "words"],
)  # fmt: skip
def test_what_goes_wrong_is_said_and_what_to_do(playing, ada, training, answer, status, words):
    playing.answer, playing.status, playing.headers = answer, status, {"Location": "/login"}
    found = read(ada, training, "cpu")
    assert found.series == []
    assert words in f"{found.sources[0].why}. {found.sources[0].advice}"
    assert words.split(". ")[0] in found.empty["cpu"]


def test_series_that_nobody_asked_for_are_left_alone(playing, ada, training):
    strange = {"metric": {"__name__": "up"}, "values": [[AT + 60, "1"]]}
    playing.answer = matrix(strange, one_series([[AT + 60, "1"]], key="else"), one_series([[AT + 60, "2"]]))
    (one,) = read(ada, training, "cpu").series
    assert values(one) == [2]


def test_an_answer_with_nothing_in_it_is_no_error(playing, ada, training):
    found = read(ada, training, "cpu")
    assert found.empty["cpu"].startswith("Prometheus")
    assert found.sources[0].ok


def test_one_that_does_not_answer_in_time(playing, ada, training, monkeypatch):
    from threading import Event

    monkeypatch.setattr(asking, "READ_SECONDS", 0.3)
    wait = Event()
    playing.answer = lambda _: wait.wait(20) or matrix()
    try:
        found = read(ada, training, "cpu")
        assert "did not answer within 0 seconds" in found.sources[0].why
    finally:
        wait.set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no.such.host.invalid", "https://127.0.0.1:1"])
def test_one_that_is_not_there(ada, training, cluster, url):
    PrometheusServer.objects.create(cluster=cluster, url=url)
    found = read(ada, training, "cpu")
    assert f"Prometheus at {url} does not answer" in found.sources[0].why
    assert "Check its address" in found.empty["cpu"]


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:many"]
)
def test_what_is_no_address_is_told_in_words(ada, training, cluster, url):
    PrometheusServer.objects.create(cluster=cluster, url=url)
    found = read(ada, training, "cpu")
    assert "does not answer: that is no address of http or https" in found.sources[0].why
    assert "Check its address" in found.empty["cpu"]


def test_name_and_password_of_its_address_go_along(playing, ada, training, cluster):
    PrometheusServer.objects.update(url=server_of(cluster).client.url.replace("://", "://me:hu%40sh@"))
    read(ada, training, "cpu")
    [(_, _, headers)] = playing.asked
    assert headers["Authorization"] == f"Basic {b64encode(b'me:hu@sh').decode()}"


def test_a_token_that_no_header_can_hold_is_told_without_it(playing, ada, training, tmp_path):
    token = tmp_path / "token"
    token.write_text("hush\nhush\n")
    PrometheusServer.objects.update(token_file=str(token))
    found = read(ada, training, "cpu")
    assert "its token or headers have characters that HTTP cannot carry" in found.sources[0].why
    assert "Check its token file" in found.empty["cpu"]
    assert "hush" not in str(found)
    assert playing.asked == []


def test_a_password_in_its_address_is_not_shown(ada, training, cluster):
    PrometheusServer.objects.create(cluster=cluster, url="http://me:hush@127.0.0.1:1")
    assert "hush" not in str(read(ada, training, "cpu"))


@pytest.mark.parametrize("what", ["token_file", "ca_file"])
def test_a_file_that_is_missing_is_named(ada, training, cluster, what):
    PrometheusServer.objects.create(cluster=cluster, url="https://127.0.0.1:1", **{what: "/no/such/file"})
    why = read(ada, training, "cpu").sources[0].why
    assert "cannot be read" in why
    assert "/no/such/file" in why or "No such file" in why


def test_an_empty_address_means_none(cluster, settings):
    settings.PROMETHEUS_URL = "http://127.0.0.1:1"
    PrometheusServer.objects.create(cluster=cluster, url="")
    assert server_of(cluster) is None


def test_the_settings_name_one_for_every_cluster(cluster, settings):
    settings.PROMETHEUS_URL = "http://127.0.0.1:1/"
    assert server_of(cluster).client.url == "http://127.0.0.1:1"


# --- now ---


def vector(key_of):
    """Answers a query of now with what `key_of` makes of its metric."""

    def answer(parameters):
        key = next((key for key in key_of if f'"{key}"' in parameters["query"]), None)
        result = [{"metric": labels, "value": [AT, value]} for labels, value in key_of.get(key, [])]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}

    return answer


def test_the_latest_use_comes_from_it(playing, training, cluster):
    gpu = {"UUID": "GPU-0", "gpu": "0", "namespace": "red", "pod": "sft-0", "Hostname": "node-1"}
    pod = {"namespace": "red", "pod": "sft-1"}
    playing.answer = vector({"gpu_compute": [(gpu, "70")], "cpu": [(pod, "2.5")], "memory": [(pod, "NaN")]})
    looking.look_at(cluster)
    usage = Usage.objects.get(workload=training)
    assert (usage.gpu_compute, usage.cpu_millis, usage.memory_bytes) == (70, 2500, None)
    assert usage.source == "Prometheus"
    assert Gpu.objects.get().workload == training
    assert Health.objects.get().ok


def test_what_exporters_say_is_wrong_comes_from_it_too(playing, ada, training, cluster):
    def answer(parameters):
        lost = {"__name__": "runyard_gpu_up", "gpu": "3", "Hostname": "node-1", "reason": "lost"}
        result = [{"metric": lost, "value": [AT, "0"]}] if "runyard_gpu_up" in parameters["query"] else []
        kind = "matrix" if "start" in parameters else "vector"
        return {
            "status": "success",
            "data": {"resultType": kind, "result": result if kind == "vector" else []},
        }

    playing.answer = answer
    looking.look_at(cluster)
    found = read(ada, training, "gpu_compute")
    assert "GPU exporter on node node-1 says: GPU 3: fallen off the bus since" in found.empty["gpu_compute"]
    playing.answer = vector({})
    looking.look_at(cluster)
    assert Health.objects.get().source == "Prometheus"


def test_a_real_one_understands_the_question_what_is_down(real_url, cluster):
    PrometheusServer.objects.create(cluster=cluster, url=real_url, matchers='cluster="a"')
    assert server_of(cluster).troubles() == {}


def now(*result):
    return {"status": "success", "data": {"resultType": "vector", "result": list(result)}}


POD = {"namespace": "red", "pod": "sft-0"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTML, "a web page"),
        (b"", "is no Prometheus"),
        (now({"metric": POD, "value": [AT, "many"]}), "sent 'many' as a figure"),
        (TOO_MUCH, "more than 10 MiB"),
        (matrix(), "it sent no vector"),
    ],
    ids=["page", "empty", "words", "10 MiB", "matrix"],
)
def test_figures_of_now_that_go_wrong_are_told_and_nothing_is_made_up(
    playing, training, cluster, answer, words
):
    playing.answer = answer
    looking.look_at(cluster)
    told = Health.objects.get(source="Prometheus")
    assert not told.ok
    assert words in told.why
    assert not Usage.objects.filter(workload=training).exists()


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_now_is_not_known(playing, training, cluster, value):
    playing.answer = vector({"cpu": [(POD, value), (POD, value)]})
    looking.look_at(cluster)
    assert Health.objects.get(source="Prometheus").ok
    assert not Usage.objects.filter(workload=training).exists()


def test_of_a_series_that_comes_twice_the_first_counts(playing, training, cluster):
    playing.answer = vector({"cpu": [(POD, "1"), (POD, "7")]})
    looking.look_at(cluster)
    assert Usage.objects.get(workload=training).cpu_millis == 1000


def test_when_it_is_away_that_is_kept_and_runyard_looks_itself(playing, training, cluster):
    playing.answer, playing.status = HTML, 502
    for _ in range(2):
        looking.look_at(cluster)
    rows = {row.source: (row.ok, row.why[:20]) for row in Health.objects.all()}
    assert rows["Prometheus"] == (False, "What answers at http")
    assert rows["kubelet"] == (False, "There is no kubeconf")
