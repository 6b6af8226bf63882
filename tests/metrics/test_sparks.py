"""Sparklines of tables: what is drawn of pods and idle workloads, for whom, and by how few questions."""

import re
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from metrics import reading
from metrics.models import Health
from metrics.scraping.scraper import Scraper
from metrics.series import Unit
from metrics.sources.stored import Stored
from metrics.sparklines import Spark, path
from tests.answers import content
from tests.make import make_pod
from tests.metrics import texts
from workloads.models import Usage

NAN = float("nan")
NOW = timezone.now().replace(second=0, microsecond=0)


@pytest.fixture(autouse=True)
def own_store_alone(monkeypatch):
    monkeypatch.setattr(reading, "sources_of", lambda cluster: [Stored(cluster)])


@pytest.fixture
def measured(ada_training, cluster):
    """Two pods with a GPU each, measured for the last ten minutes."""
    ada_training.pods.all().delete()
    pods = [
        make_pod(
            ada_training, name=name, uid=name, node="node-1", gpu_millis=1000, cpu_millis=4000,
            created_at=NOW - timedelta(hours=2),
        )
        for name in ("sft-0", "sft-1")
    ]  # fmt: skip
    scraper = Scraper(cluster)
    for n in range(41):
        gpus = texts.exporter(texts.dcgm({0: (80, 1024, "sft-0"), 1: (40, 2048, "sft-1")}))
        both = b"".join(texts.cadvisor(cpu=100 + 30 * n, pod=name) for name in ("sft-0", "sft-1"))
        scraper.take([gpus, texts.kubelet(both)], NOW - timedelta(seconds=15 * (40 - n)))
    Health.objects.create(
        cluster=cluster, source="GPU exporter", node="node-1", ok=True, since=NOW, seen_at=NOW
    )
    return pods


def drawn(client, url):
    """The label and the figure of each, by name."""
    body = client.get(url).content.decode()
    parts = re.findall(
        r'<span data-drawn="([^"]+)">(.*?)</span></span>|<span data-drawn="([^"]+)">(.*?)</span>', body
    )
    return {name or other: html or dash for name, html, other, dash in parts}


def test_each_pod_has_its_gpu_and_cpu(ada, ada_training, measured, browse):
    first, second = measured
    found = drawn(browse(ada), f"/workloads/{ada_training.pk}/metrics/sparks?of={first.pk},{second.pk}")
    assert found.keys() == {f"{what}-{pod.pk}" for what in ("gpu", "cpu") for pod in measured}
    gpu = found[f"gpu-{first.pk}"]
    assert (
        'aria-label="GPU use in the last hour: 80 % to 80 %, now 80 %. From GPU exporter of node node-1."'
        in gpu
    )
    assert gpu.endswith('<span class="num">80 %')
    assert "now 2." in found[f"cpu-{first.pk}"]


def test_the_idle_list_draws_the_mean_of_a_workloads_gpus(ada, ada_training, measured, browse):
    found = drawn(browse(ada), f"/overview/sparks?of={ada_training.pk}")
    assert "now 60 %" in found[f"gpu-{ada_training.pk}"]


def test_the_idle_list_tells_the_figure_of_the_table(ada, ada_training, measured, browse):
    Usage.objects.create(workload=ada_training, gpu_compute=1.6, at=NOW)
    name = f"gpu-{ada_training.pk}"
    one = drawn(browse(ada), f"/overview/sparks?of={ada_training.pk}")[name]
    assert "in the last hour: 60 % to 60 %, now 2 %" in one
    assert one.endswith('<span class="num">2 %')
    ada_training.pods.all().delete()
    one = drawn(browse(ada), f"/overview/sparks?of={ada_training.pk}")[name]
    assert one.endswith('class="num" title="GPU use: no figures in the last hour">2 %')


def test_nothing_is_drawn_of_what_one_may_not_see(eve, ada_training, measured, browse):
    assert drawn(browse(eve), f"/overview/sparks?of={ada_training.pk}") == {}
    url = f"/workloads/{ada_training.pk}/metrics/sparks?of={measured[0].pk}"
    assert browse(eve).get(url).status_code == 404


def test_pods_of_others_are_left_out(ada, ada_training, eve_training, measured, browse):
    theirs = make_pod(eve_training)
    assert drawn(browse(ada), f"/workloads/{ada_training.pk}/metrics/sparks?of={theirs.pk}") == {}


def test_of_what_was_never_measured_there_is_a_dash(ada, ada_training, browse):
    (pod,) = ada_training.pods.all()
    body = browse(ada).get(f"/workloads/{ada_training.pk}/metrics/sparks?of={pod.pk}").content.decode()
    assert 'title="GPU use: no figures in the last hour">–' in body
    assert "0 %" not in body


def test_a_workload_without_pods_has_a_dash_and_that_of_others_nothing(
    ada, ada_training, eve_training, browse
):
    ada_training.pods.all().delete()
    found = drawn(browse(ada), f"/overview/sparks?of={ada_training.pk},{eve_training.pk}")
    assert list(found) == [f"gpu-{ada_training.pk}"]


@pytest.mark.parametrize(
    "query", ["of=x", "of=-1", "of=1;2", "of=" + "9" * 30, "of=" + ",".join("1" * 201), "of=²"]
)
def test_what_is_no_id_is_answered_in_words(ada, ada_training, browse, query):
    for url in (f"/workloads/{ada_training.pk}/metrics/sparks", "/overview/sparks"):
        answer = browse(ada).get(f"{url}?{query}")
        assert answer.status_code == 400
        assert len(answer.content) > 20


def test_many_pods_cost_as_many_queries_as_one(
    ada, ada_training, measured, browse, django_assert_max_num_queries
):
    for n in range(20):
        make_pod(ada_training, name=f"more-{n}", node="node-1")
    ids = ",".join(str(pod.pk) for pod in ada_training.pods.all())
    client = browse(ada)
    with django_assert_max_num_queries(14):
        client.get(f"/workloads/{ada_training.pk}/metrics/sparks?of={ids}")


def test_gaps_are_gaps_and_what_stands_alone_is_a_dot():
    values = np.array([0, 50, NAN, NAN, 100, NAN, 100, 0])
    assert path(values, 100) == "M1.0 16.5h.01L11.0 9.0M41.0 1.5h.01M61.0 1.5h.01L71.0 16.5"


def test_what_was_known_earlier_is_not_the_figure_of_now():
    html = Spark("CPU", Unit.CORES, np.array([1.0, 2.0, NAN, NAN, NAN])).html()
    assert "now not known" in html
    assert html.endswith('<span class="num">–</span>')


def test_hostile_names_of_sources_stay_text():
    html = Spark("CPU", Unit.CORES, np.array([1.0]), source='From "><script>alert(1)</script>.').html()
    assert "<script" not in html


def test_the_table_of_pods_has_a_place_for_each(ada, ada_training, measured, browse):
    body = browse(ada).get(f"/workloads/{ada_training.pk}/pods").content.decode()
    for pod in measured:
        assert f'data-spark="gpu-{pod.pk}"' in body
        assert f'data-spark="cpu-{pod.pk}"' in body
    ada_training.pods.update(gpu_millis=0)
    assert 'data-spark="gpu-' not in browse(ada).get(f"/workloads/{ada_training.pk}/pods").content.decode()
    file = content(browse(ada).get(f"/workloads/{ada_training.pk}/pods.csv")).decode()
    assert "used" not in file.splitlines()[0]
