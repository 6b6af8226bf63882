"""Scraping a cluster's nodes: what is taken of their answers, what is left, what is said when they fail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from metrics.figures import Figure
from metrics.models import Scraped, StoredSeries
from metrics.question import Grid
from metrics.scraping.scraper import Scraper
from metrics.scraping.text import NotMetrics, parse
from metrics.series import Labels
from metrics.store import ranges
from metrics.store.staging import together
from tests.make import make_pod
from tests.metrics import texts

CPU = "container_cpu_usage_seconds_total"


def heads(page):
    return [(line.name, line.value, line.time) for line in page.fresh]


def test_only_wanted_lines_are_taken():
    page = parse(
        b'a{x="1"} 1\nab{x="1"} 2\n# TYPE b gauge\nb 3\nbb 4\n# TYPE c gauge\nc{} 5 1500\n', ["b", "c"], {}
    )
    assert heads(page) == [("b", 3, 0), ("c", 5, 15)]


def test_a_known_line_costs_no_reading_of_labels():
    page = parse(b'a{x="1"} 1\na{x="2"} 2\na{x="3"} 3\n', ["a"], {b'a{x="1"}': 7, b'a{x="2"}': None})
    assert (page.series, page.values, heads(page)) == ([7], [1.0], [("a", 3, 0)])


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        (b'a{x="}"} 5', 5),
        (b'a{x="quote \\" brace } space"} 5', 5),
        (b"a\t5", 5),
        (b"a 1e3", 1000),
        (b"a NaN", None),
        (b"a +Inf", None),
        (b"a", None),
        (b"a{", None),
        (b'a{x="1"}', None),
        (b"a five", None),
        (b"a 5 now", None),
        (b"a 5 9999999999999999999999999", None),
    ],
)
def test_odd_lines_harm_nobody(line, taken):
    page = parse(b"# TYPE a gauge\n" + line + b'\na{last="1"} 9\n', ["a"], {})
    assert [value for _, value, _ in heads(page)] == ([9] if taken is None else [taken, 9])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b'{"kind":"Status"}', "JSON"),
        (b"\x1f\x8b\0\0\0", "not text"),
    ],
)
def test_what_is_no_metrics_is_said(body, words):
    with pytest.raises(NotMetrics, match=words):
        parse(body, ["a"], {})


def test_an_empty_answer_has_nothing_in_it():
    assert heads(parse(b"", ["a"], {})) == []


# --- a look at a cluster ---

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def scraper(cluster):
    return Scraper(cluster)


@pytest.fixture
def pod(ada_training):
    """sft-0 on node-1, of Ada's training."""
    ada_training.pods.all().delete()
    return make_pod(ada_training, name="sft-0", node="node-1")


def look(scraper, *answers, after=0):
    return scraper.take(answers, NOW + timedelta(seconds=after))


def known():
    return set(StoredSeries.objects.values_list("metric", "container"))


def test_of_cadvisor_each_container_is_kept_and_no_whole_pod(scraper, pod):
    look(scraper, texts.kubelet(texts.cadvisor()))
    assert known() == {("cpu", "main"), ("memory", "main"), ("network_received", ""), ("disk_read", "main")}
    assert set(StoredSeries.objects.values_list("pod_uid", "node")) == {(pod.uid, "node-1")}


def staged_samples():
    rows = Scraped.objects.order_by("at").values_list("at", "data")
    return together((int(at.timestamp()), data) for at, data in rows)[1]


def values_of(cluster):
    samples = staged_samples()
    return sorted(samples.values.tolist())


def test_disks_and_interfaces_are_summed_without_the_loopback(scraper, pod, cluster):
    look(scraper, texts.kubelet(texts.cadvisor(cpu=100, memory=4096)))
    assert values_of(cluster) == [100, 1500, 4096, 8192]


def test_a_second_look_brings_the_same_series(scraper, pod, cluster):
    for after in (0, 15):
        look(scraper, texts.kubelet(texts.cadvisor()), after=after)
    assert StoredSeries.objects.count() == 4
    assert Scraped.objects.count() == 2


def test_pods_we_do_not_know_are_left_out_until_we_do(scraper, ada_training):
    look(scraper, texts.kubelet(texts.cadvisor(pod="sft-9")))
    assert not StoredSeries.objects.exists()
    make_pod(ada_training, name="sft-9", uid="late")
    look(scraper, texts.kubelet(texts.cadvisor(pod="sft-9")), after=15)
    assert set(StoredSeries.objects.values_list("pod_uid", flat=True)) == {"late"}


def test_a_pod_of_the_same_name_is_another_one(scraper, pod, ada_training):
    look(scraper, texts.exporter(texts.dcgm({0: (50, 1000, "sft-0")})))
    pod.gone_at = NOW
    pod.save()
    make_pod(ada_training, name="sft-0", uid="second")
    look(scraper, texts.exporter(texts.dcgm({0: (50, 1000, "sft-0")})), after=15)
    uids = set(StoredSeries.objects.filter(metric="gpu_compute").values_list("pod_uid", flat=True))
    assert uids == {pod.uid, "second"}


def test_the_clock_of_a_line_counts_unless_it_is_a_wrong_one(scraper, pod, cluster):
    stamp = int(NOW.timestamp() * 1000)
    look(scraper, texts.kubelet(texts.cadvisor(stamp=stamp - 7000)))
    look(scraper, texts.kubelet(texts.cadvisor(stamp=stamp + 10**9)), after=15)
    samples = staged_samples()
    assert set((samples.times - stamp // 100).tolist()) == {-70, 150}


def test_cpu_now_is_the_rate_since_the_look_before(scraper, pod):
    first = look(scraper, texts.kubelet(texts.cadvisor(cpu=100)))
    second = look(scraper, texts.kubelet(texts.cadvisor(cpu=130)), after=15)
    labels = Labels(namespace="red", pod="sft-0", pod_uid=pod.uid, container="main", node="node-1")
    assert [figure.metric for figure in first.figures] == ["memory"]
    assert Figure("cpu", labels, pytest.approx(2.0)) in second.figures


def test_a_container_that_restarted_has_no_negative_rate(scraper, pod):
    look(scraper, texts.kubelet(texts.cadvisor(cpu=100)))
    found = look(scraper, texts.kubelet(texts.cadvisor(cpu=30)), after=15).figures
    assert [figure.value for figure in found if figure.metric == "cpu"] == [pytest.approx(2.0)]


def test_lines_in_another_order_keep_their_values(scraper, pod, cluster):
    lines = texts.dcgm({0: (90, 1000, "sft-0"), 1: (10, 2000, "")}).split(b"\n")
    first = look(scraper, texts.exporter(b"\n".join(lines)))
    turned = b"\n".join(sorted(lines, reverse=True))
    second = look(scraper, texts.exporter(turned), after=15)
    assert sorted(map(str, first.figures)) == sorted(map(str, second.figures))
    staged = staged_samples()
    assert len(staged.values) == 2 * first.samples
    assert sorted(staged.values[: first.samples]) == sorted(staged.values[first.samples :])


def test_a_gpu_that_nobody_holds_is_known_too(scraper, pod):
    found = look(scraper, texts.exporter(texts.dcgm({0: (90, 1000, "sft-0"), 1: (0, 1, "")}))).figures
    compute = {f.labels.gpu: (f.labels.pod_uid, f.value, f.model) for f in found if f.metric == "gpu_compute"}
    assert compute == {"0": (pod.uid, 90, "NVIDIA H100"), "1": ("", 0, "NVIDIA H100")}


def test_utilisation_counts_and_the_engine_stands_in_for_it_on_a_slice(scraper, pod):
    look(scraper, texts.exporter(texts.dcgm({0: (90, 1000, "sft-0")})))
    found = look(scraper, texts.exporter(texts.mig(0.25), node="node-2")).figures
    compute = [(f.labels.mig, f.value) for f in found if f.metric == "gpu_compute"]
    assert compute == [("1g.10gb/7", 25)]
    assert StoredSeries.objects.filter(metric="gpu_compute", gpu_uuid="GPU-0", mig="").count() == 1


def test_where_cadvisor_is_closed_the_kubelets_own_figures_do(scraper, pod, cluster):
    closed = texts.kubelet(b"", why="nodes/metrics is forbidden", code=403)
    found = look(scraper, closed, texts.node_figures(texts.resource()))
    assert known() == {("cpu", "main"), ("memory", "main"), ("node_cpu", ""), ("node_memory", "")}
    assert found.told == {("kubelet", "node-1"): ""}


def test_where_cadvisor_is_open_nothing_is_counted_twice(scraper, pod, cluster):
    look(scraper, texts.kubelet(texts.cadvisor(cpu=1)), texts.node_figures(texts.resource(cpu=2)))
    assert 2 not in values_of(cluster)


def test_what_fails_is_told_and_keeps_nobody_else(scraper, pod):
    found = look(
        scraper,
        texts.kubelet(texts.cadvisor()),
        texts.exporter(b"", why="connection refused"),
        texts.exporter(b"<html>", node="node-2"),
    )
    assert found.told == {
        ("kubelet", "node-1"): "",
        ("GPU exporter", "node-1"): "connection refused",
        ("GPU exporter", "node-2"): "it answers a web page, not figures",
    }
    assert found.samples == 4


def test_what_was_scraped_reads_as_a_series(scraper, pod, cluster):
    for n in range(9):
        look(scraper, texts.kubelet(texts.cadvisor(cpu=100 + 30 * n)), after=15 * n)
    number = StoredSeries.objects.get(metric="cpu").pk
    start = int(NOW.timestamp())
    grid = Grid(start + 60, 60, 2)
    assert ranges.read(cluster, [pod.uid], ["cpu"], grid).values[number] == pytest.approx([2, 2], rel=0.01)
