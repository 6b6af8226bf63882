"""The overview: sums of what one may see, who leaves GPUs idle, the last day; honest about the unknown."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from metrics import snapshots
from metrics.models import Gpu, Snapshot
from metrics.overview import overview
from runyard.clusters.models import Node
from tests.make import make_pod, make_workload
from workloads.models import Pod, Usage, Workload
from workloads.status import Phase

NOW = timezone.now()


@pytest.fixture
def gpus(cluster):
    """Two nodes: twelve GPUs, one node of four not ready."""
    for name, count, ready in (("a", 8, True), ("b", 4, True), ("c", 4, False)):
        Node.objects.create(
            cluster=cluster,
            uid=name,
            name=name,
            ready=ready,
            gpus=count,
            cpu_millis=64_000,
            memory_bytes=2**38,
        )


@pytest.fixture
def world(red, blue, cluster, ada, gpus):
    """Of red one works and one idles, one waits; of blue one works."""
    held = {"gpu_millis_allocated": 4000, "cpu_millis_allocated": 8000, "node_pools": ["a100"]}
    rows = {
        "busy": make_workload(red, cluster, name="busy", **held),
        "lazy": make_workload(red, cluster, name="lazy", created_by=ada, **held),
        "waits": make_workload(red, cluster, name="waits", phase="Pending"),
        "other": make_workload(blue, cluster, name="other", **held),
    }
    for name, percent, idle in (("busy", 75.0, 0), ("lazy", 0.0, 4), ("other", 50.0, 0)):
        Usage.objects.create(
            workload=rows[name], gpu_compute=percent, gpus_seen=4, gpus_idle=idle, cpu_millis=1000, at=NOW,
            idle_gpu_seconds=7200 if idle else 0,
        )  # fmt: skip
    for number in range(4):
        Gpu.objects.create(
            cluster=cluster, uuid=f"GPU-{number}", node="a", workload=rows["lazy"], compute=0.0,
            idle_since=NOW - timedelta(hours=1), seen_at=NOW,
        )  # fmt: skip
    return rows


def page(client):
    return client.get("/overview/").content.decode()


def test_sums_are_of_what_one_may_see(ada, dee, world):
    mine, all_ = overview(ada).sums, overview(dee).sums
    assert (mine.gpus, mine.gpu_millis, mine.gpus_seen, mine.gpus_busy, mine.gpus_idle) == (
        12,
        8000,
        8,
        3.0,
        4,
    )
    assert (all_.gpu_millis, all_.gpus_seen, all_.gpus_busy, all_.cpu_millis_used) == (12_000, 12, 5.0, 3000)


def test_what_has_ended_uses_nothing_though_its_last_figures_are_still_known(dee, world):
    held = {"gpu_millis_allocated": 0, "cpu_millis_allocated": 0}
    Workload.objects.filter(pk=world["busy"].pk).update(phase="Completed", **held)
    sums = overview(dee).sums
    assert (sums.gpus_seen, sums.gpus_busy, sums.cpu_millis_used) == (8, 2.0, 2000)


@pytest.mark.parametrize("what", ["gpu_millis_allocated", "cpu_millis_allocated", "memory_bytes_allocated"])
def test_what_has_failed_holds_and_uses_until_its_last_pod_is_gone(dee, world, what):
    allocated = {"gpu_millis_allocated": 0, "cpu_millis_allocated": 0, what: 4000}
    Workload.objects.filter(pk=world["busy"].pk).update(phase="Failed", **allocated)
    sums = overview(dee).sums
    held = {
        "gpu_millis_allocated": sums.gpu_millis - 8000,
        "cpu_millis_allocated": sums.cpu_millis - 16_000,
        "memory_bytes_allocated": sums.memory,
    }
    assert held[what] == 4000
    assert (sums.gpus_seen, sums.gpus_busy, sums.cpu_millis_used) == (12, 5.0, 3000)


def test_what_has_ended_leaves_no_gpus_idle_but_what_still_holds_them_does(ada, world):
    lazy = Workload.objects.filter(pk=world["lazy"].pk)
    lazy.update(phase="Failed")
    assert [one.workload.name for one in overview(ada).idle] == ["lazy"]
    lazy.update(gpu_millis_allocated=0, cpu_millis_allocated=0)
    found = overview(ada)
    assert (found.idle, found.sums.gpus_idle) == ([], 0)


def test_who_leaves_gpus_idle_is_named_with_what_was_lost(ada, world, browse):
    (one,) = overview(ada).idle
    assert (one.workload.name, one.gpus) == ("lazy", 4)
    assert one.hours == pytest.approx(2 + 4, abs=0.1), "two hours before, and four GPUs for the last hour"
    body = page(browse(ada))
    assert f'href="/workloads/{world["lazy"].pk}/metrics">lazy</a>' in body
    assert "Ada Lovell" in body
    assert "busy</a>" not in body


def test_a_shared_gpu_that_idles_is_lost_to_each_user_by_its_part(ada, world, red, cluster):
    Gpu.objects.all().delete()
    part = make_workload(red, cluster, name="part", gpu_millis_allocated=500)
    Usage.objects.create(workload=part, gpu_compute=0.0, gpus_seen=1, gpus_idle=1, at=NOW)
    for name, owner in (("half", part), ("other", world["busy"])):
        make_pod(owner, name=name, uid=name, node="a", gpu_groups=["g"], gpu_millis=500)
    Pod.objects.create(
        cluster=cluster, uid="holds", name="holds", namespace="kai-resource-reservation", node="a",
        phase="Running", gpu_groups=["g"], reserves_gpu=True, created_at=NOW,
    )  # fmt: skip
    Gpu.objects.create(
        cluster=cluster, uuid="GPU-9", node="a", pod_uid="holds", compute=0.0,
        idle_since=NOW - timedelta(hours=1), seen_at=NOW,
    )  # fmt: skip
    [one] = [one for one in overview(ada).idle if one.workload == part]
    assert one.hours == pytest.approx(0.5, abs=0.05)
    assert one.since == NOW - timedelta(hours=1)


def test_of_gpus_whose_beginning_is_not_known_it_is_said_how_long_they_idle_at_least(ada, world, browse):
    assert "over 5 min" not in page(browse(ada))
    Gpu.objects.all().delete()
    assert '<td class="end">over 5 min</td>' in page(browse(ada))


def test_projects_and_pools_tell_what_runs_and_waits(ada, dee, world):
    assert [(p.name, p.running, p.pending, p.gpu_millis) for p in overview(ada).projects] == [
        ("red", 2, 1, 8000)
    ]
    assert {p.name for p in overview(dee).projects} == {"red", "blue"}
    assert [(p.name, p.running, p.pending) for p in overview(ada).pools] == [("a100", 2, 0), ("", 0, 1)]


@pytest.mark.parametrize(
    "phase", [phase for phase in Phase if phase not in ("Running", "Degraded", "Pending")]
)
def test_projects_and_pools_hold_together_the_gpus_that_the_tile_tells(
    dee, red, cluster, world, browse, phase
):
    make_workload(red, cluster, phase=phase, gpu_millis_allocated=2500, node_pools=["h100"])
    make_workload(red, cluster, phase=phase, gpu_millis_allocated=0)
    found = overview(dee)
    for places in (found.projects, found.pools):
        assert sum(place.gpu_millis for place in places) == found.sums.gpu_millis == 14_500
        assert sum(place.others for place in places) == 1, "what holds nothing is not counted"
    [pool] = [place for place in found.pools if place.name == "h100"]
    assert (pool.running, pool.pending, pool.gpu_millis) == (0, 0, 2500)
    words = "GPUs held are also those of 1 workload starting, stopping, or ended with pods left."
    assert page(browse(dee)).count(words) == 2


def test_places_that_are_not_shown_hold_what_is_missing_from_the_tile(dee, red, cluster, world, browse):
    for number in range(21):
        make_workload(red, cluster, gpu_millis_allocated=1000, node_pools=[f"pool-{number:02}"])
    assert "and 3 more, with 2 GPUs held" in page(browse(dee))
    assert "GPUs held are also" not in page(browse(dee))


def test_eve_counts_nothing_of_red(eve, world, browse):
    found = overview(eve)
    assert (found.sums.gpu_millis, found.sums.gpus_seen, found.idle) == (4000, 4, [])
    body = page(browse(eve))
    assert "lazy" not in body
    assert ">red<" not in body


def test_somebody_of_no_project_is_told_the_next_step(eve, world, browse):
    eve.access_rules.all().delete()
    body = page(browse(eve))
    assert "You belong to no project yet" in body
    assert "GPUs held" not in body


def test_where_no_figures_come_from_the_page_says_so(ada, world, browse):
    Usage.objects.all().delete()
    body = page(browse(ada))
    assert "no figures of GPUs: is an exporter running?" in body
    assert "no exporter gives figures of them" in body


def test_a_cluster_without_gpus_is_told_in_cpu_and_memory(ada, ada_training, cluster, browse):
    Node.objects.create(cluster=cluster, uid="n", name="n", ready=True, cpu_millis=4000, memory_bytes=2**34)
    body = page(browse(ada))
    assert "16 GiB" in body
    assert "Idle while allocated" not in body


def test_the_tiles_tell_nothing_and_the_unknown_apart(ada, world, browse):
    usage = Usage.objects.filter(workload__name__in=("busy", "lazy"))
    usage.update(cpu_millis=0, memory_bytes=0)
    body = page(browse(ada))
    assert "16 asked for, 0 used" in body
    assert "0 asked for, 0 used" in body
    usage.update(cpu_millis=None, memory_bytes=None)
    body = page(browse(ada))
    assert "16 asked for, use not known" in body
    assert "0 asked for, use not known" in body


def test_the_chart_of_a_cluster_with_gpus_is_about_them_before_any_was_held(ada, world, browse):
    def title():
        return browse(ada).get("/overview/figures").json()["charts"][0]["title"]

    assert title() == "GPUs, allocated and busy"
    Node.objects.update(gpus=0)
    assert title() == "CPU cores, allocated and used"


def test_without_scripts_the_page_says_that_the_chart_needs_them(ada, world, browse):
    assert re.search(r'class="[^"]*without-script">The chart is drawn by a script', page(browse(ada)))


def test_the_last_day_is_drawn_from_what_was_noted(ada, dee, eve, world, browse):
    assert (
        browse(ada).get("/overview/figures").json()["charts"][0]["empty"].startswith("Nothing was noted yet")
    )
    snapshots.take(timezone.now() - timedelta(minutes=5))
    snapshots.take(timezone.now())
    snapshots.take(timezone.now())
    assert Snapshot.objects.count() == 4, "one for each project and five minutes"
    for person, held, busy in ((ada, 8, 3), (dee, 12, 5), (eve, 4, 2)):
        chart = browse(person).get("/overview/figures").json()["charts"][0]
        assert [(line["name"], line["y"][-2:]) for line in chart["figure"]["data"]] == [
            ("allocated", [held, held]),
            ("busy", [busy, busy]),
        ]


def test_the_last_day_has_nothing_busy_by_what_has_ended_and_holds_nothing(dee, world):
    held = {"gpu_millis_allocated": 0, "cpu_millis_allocated": 0}
    Workload.objects.filter(pk=world["busy"].pk).update(phase="Completed", **held)
    Workload.objects.filter(pk=world["other"].pk).update(phase="Failed")
    snapshots.take(NOW)
    noted = Snapshot.objects.order_by("project__name")
    assert list(noted.values_list("project__name", "gpu_millis_allocated", "gpu_millis_busy")) == [
        ("blue", 4000, 2000),
        ("red", 4000, 0),
    ]
    assert list(noted.values_list("cpu_millis_allocated", "cpu_millis_used")) == [(8000, 1000), (8000, 1000)]


def test_what_is_not_known_leaves_a_gap_and_no_zero(ada, world, browse):
    snapshots.take(timezone.now() - timedelta(minutes=5))
    Usage.objects.all().delete()
    snapshots.take(timezone.now())
    lines = {
        line["name"]: line["y"]
        for line in browse(ada).get("/overview/figures").json()["charts"][0]["figure"]["data"]
    }
    assert lines["allocated"][-1] == 8
    assert lines["busy"][-2:] == [3, None]


def test_the_page_costs_as_many_queries_however_many_workloads(
    ada, world, red, cluster, browse, django_assert_max_num_queries
):
    client = browse(ada)
    for _ in range(30):
        make_workload(red, cluster)
    with django_assert_max_num_queries(16):
        page(client)


def test_only_who_may_submit_is_offered_it(ada, vi, red, cluster, browse):
    for person, offered in ((ada, True), (vi, False)):
        shown = page(browse(person))
        assert "Nothing runs and nothing waits." in shown
        assert ("/workloads/new" in shown) is offered
