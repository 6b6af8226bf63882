"""A GPU that KAI shares: DCGM tells of the pod that reserves it, people see the parts of its users."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from metrics import latest, reading
from metrics.models import Gpu
from metrics.scraping.scraper import Scraper
from metrics.sources.stored import Stored
from runyard.clusters import objects
from tests.make import make_pod, make_workload
from tests.metrics import texts
from workloads.models import Pod, Usage
from workloads.observing import Seen, observe

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
END = START + timedelta(minutes=10)
GROUP, NAME = "9f2c", "gpu-reservation-node-1-9f2c"


@pytest.fixture(autouse=True)
def own_store_alone(monkeypatch):
    monkeypatch.setattr(reading, "sources_of", lambda cluster: [Stored(cluster)])


def reservation(cluster, **fields):
    return Pod.objects.create(
        cluster=cluster, uid="reserves", name=NAME, namespace="kai-resource-reservation", node="node-1",
        phase="Running", gpu_millis=1000, gpu_groups=[GROUP], reserves_gpu=True,
        created_at=START - timedelta(hours=1), **fields,
    )  # fmt: skip


def sharer(workload, name, **fields):
    since = {"created_at": START - timedelta(hours=1), "gpu_groups": [GROUP], "node": "node-1"}
    return make_pod(workload, name=name, uid=name, **since | fields)


@pytest.fixture
def shared(ada_training, red, blue, cluster):
    """Half of a GPU for Ada's training, a quarter for one of blue's; measured for ten minutes."""
    ada_training.pods.all().delete()
    sharer(ada_training, "half", gpu_millis=500)
    other = make_workload(blue, cluster, name="other")
    sharer(other, "quarter", gpu_millis=250)
    reservation(cluster)
    return ada_training, other


def dcgm(percent=60, pod=NAME):
    """As DCGM's exporter writes it: the reservation holds the GPU, in its own namespace."""
    text = texts.dcgm({0: (percent, 30_000, pod)}).replace(
        b'namespace="red"', b'namespace="kai-resource-reservation"'
    )
    of = text.split(b"{", 1)[1].split(b"}", 1)[0]
    return text + b"# TYPE DCGM_FI_DEV_GPU_TEMP gauge\nDCGM_FI_DEV_GPU_TEMP{" + of + b"} 55\n"


def measure(cluster, percent=60):
    scraper = Scraper(cluster)
    for n in range(41):
        at = START + timedelta(seconds=15 * n)
        found = scraper.take([texts.exporter(dcgm(percent))], at)
        if n % 20 == 0:
            latest.apply(cluster, found.figures, "scrape", at)


def read(user, workload, *metrics, **more):
    found = reading.series(user, workload, metrics, START, END, points=10, **more)
    return {(one.metric, one.labels.pod, one.labels.gpu_uuid): one.values for one in found.series}


def test_each_user_has_its_part_by_what_it_asked_for(ada, eve, shared, cluster):
    measure(cluster)
    mine = read(ada, shared[0], "gpu_compute", "gpu_memory", "gpu_temperature")
    assert {key: values[-1].round(1) for key, values in mine.items()} == {
        ("gpu_compute", "half", "GPU-0"): 40,
        ("gpu_memory", "half", "GPU-0"): 20_000 * 2**20,
        ("gpu_temperature", "half", "GPU-0"): 55,
    }
    theirs = read(eve, shared[1], "gpu_compute")
    assert theirs["gpu_compute", "quarter", "GPU-0"][-1] == pytest.approx(20)


def test_who_uses_it_alone_has_all_of_it_for_that_time(ada, shared, cluster):
    Pod.objects.filter(uid="quarter").update(finished_at=START + timedelta(minutes=5))
    measure(cluster)
    values = read(ada, shared[0], "gpu_compute")["gpu_compute", "half", "GPU-0"]
    assert np.round([values[2], values[-1]]).tolist() == [40, 60]


def test_nobody_has_figures_of_before_it_came(ada, shared, cluster):
    Pod.objects.filter(uid="half").update(created_at=START + timedelta(minutes=5))
    measure(cluster)
    values = read(ada, shared[0], "gpu_compute")["gpu_compute", "half", "GPU-0"]
    assert np.isnan(values[:4]).all()
    assert values[-1] == pytest.approx(40)


def test_shares_of_memory_part_it_and_shares_of_no_kind_are_alike(ada, shared, cluster):
    Pod.objects.filter(uid="half").update(gpu_millis=0, gpu_memory_bytes=3 * 2**30)
    measure(cluster)
    assert read(ada, shared[0], "gpu_compute")["gpu_compute", "half", "GPU-0"][-1] == pytest.approx(30)
    Pod.objects.filter(uid="quarter").update(gpu_millis=0, gpu_memory_bytes=2**30)
    assert read(ada, shared[0], "gpu_compute")["gpu_compute", "half", "GPU-0"][-1] == pytest.approx(45)


def test_one_pod_and_one_gpu_can_be_chosen(ada, shared, cluster):
    measure(cluster)
    assert read(ada, shared[0], "gpu_compute", gpus=["GPU-0"])
    assert not read(ada, shared[0], "gpu_compute", gpus=["GPU-1"])
    assert not read(ada, shared[0], "gpu_compute", pods=[0])


def test_the_latest_use_is_parted_too(shared, cluster):
    measure(cluster)
    found = {row.workload.name: (round(row.gpu_compute), row.gpus_seen) for row in Usage.objects.all()}
    assert found == {"redwood-sft": (40, 1), "other": (20, 1)}
    assert Gpu.objects.get().pod_uid == "reserves"


def test_a_shared_gpu_that_idles_idles_for_each_of_its_users(shared, cluster):
    measure(cluster, percent=0)
    assert set(Usage.objects.values_list("gpu_compute", "gpus_idle")) == {(0, 1)}
    busy = Scraper(cluster).take([texts.exporter(dcgm(90))], END + timedelta(seconds=15))
    latest.apply(cluster, busy.figures, "scrape", END + timedelta(seconds=15))
    lost = dict(Usage.objects.values_list("workload__name", "idle_gpu_seconds"))
    assert lost == {"redwood-sft": pytest.approx(400, abs=20), "other": pytest.approx(200, abs=20)}


def test_labels_alone_give_nobody_a_part(ada, eve, shared, blue, cluster):
    """They are anybody's to write: what is elsewhere uses no GPU here, and a workload's pod reserves none."""
    liar = make_workload(blue, cluster, name="liar")
    sharer(liar, "elsewhere", gpu_millis=900, node="node-2")
    make_pod(liar, name="pretends", uid="pretends", node="node-1", gpu_millis=1000, gpu_groups=[GROUP],
             reserves_gpu=True, created_at=START - timedelta(hours=1))  # fmt: skip
    measure(cluster)
    assert read(ada, shared[0], "gpu_compute")["gpu_compute", "half", "GPU-0"][-1] == pytest.approx(40)
    assert read(eve, liar, "gpu_compute") == {}


def test_a_reservation_whose_users_are_all_elsewhere_is_nobodys(ada, shared, cluster):
    Pod.objects.filter(uid__in=["half", "quarter"]).update(node="node-2")
    measure(cluster)
    assert read(ada, shared[0], "gpu_compute") == {}
    assert not Usage.objects.exists()


def test_what_shares_nothing_costs_no_query(ada, ada_training, django_assert_num_queries):
    from metrics.sharing import sharing_of

    pods = list(ada_training.pods.all())
    with django_assert_num_queries(0):
        assert sharing_of(pods).reservations == ()


@pytest.mark.parametrize(
    ("labels", "annotations", "gpus", "groups", "holds"),
    [
        ({"runai-gpu-group": GROUP}, {"gpu-fraction": "0.5"}, None, [GROUP], False),
        ({"runai-gpu-group": GROUP}, {}, "1", [GROUP], True),
        ({f"runai-gpu-group/{one}": one for one in "ba"}, {"gpu-memory": "2000"}, None, ["a", "b"], False),
        ({"app": "x"}, {}, "1", [], False),
        ({"runai-gpu-group": ""}, {}, "1", [], False),
        ({f"runai-gpu-group/{n:02}": "x" for n in range(40)}, {"gpu-fraction": "1"}, None,
         [f"{n:02}" for n in range(16)], False),
    ],
)  # fmt: skip
def test_of_a_pod_only_the_groups_are_kept(red, cluster, labels, annotations, gpus, groups, holds):
    limits = {"nvidia.com/gpu": gpus} if gpus else {}
    found = {
        "metadata": {
            "uid": "p", "name": "p", "namespace": "red", "creationTimestamp": START, "labels": labels,
            "annotations": annotations,
        },
        "spec": {"containers": [{"name": "main", "image": "x", "resources": {"limits": limits}}]},
    }  # fmt: skip
    observe(cluster, [Seen("pods", "p", msgspec.convert(found, objects.Pod))])
    pod = Pod.objects.get()
    assert (pod.gpu_groups, pod.reserves_gpu) == (groups, holds)
