"""What is used now, in the table: meters, words, a dash for what is not known, and who leaves GPUs idle."""

from datetime import UTC, datetime

import pytest

from tests.make import make_workload
from workloads import usage_cells
from workloads.models import Usage

AT = datetime(2026, 11, 22, 14, 2, 31, tzinfo=UTC)
USED = "gpu_use,gpus_idle,gpu_memory_use,cpu_use,memory_use"


def used(workload, **figures):
    return Usage.objects.create(workload=workload, source="scrape", at=AT, **figures)


@pytest.mark.parametrize("figures", [None, {}], ids=["never measured", "not known any more"])
def test_what_is_not_known_is_a_dash_and_never_zero(ada, ada_training, browse, figures):
    if figures is not None:
        used(ada_training, **figures)
    body = browse(ada).get(f"/workloads/?columns={USED}").content.decode()
    assert body.count('<span class="dim">–</span></td>') == 5
    assert "0 %" not in body


def test_what_is_known_to_be_nothing_is_zero(ada, ada_training, browse):
    nothing = ("gpu_compute", "gpus_idle", "gpu_memory_bytes", "cpu_millis", "memory_bytes")
    used(ada_training, gpus_seen=1, **dict.fromkeys(nothing, 0))
    body = browse(ada).get(f"/workloads/?columns={USED}").content.decode()
    for words in (">0 %</span>", 'UTC">0</span>', ">0 MiB</span>", "of 1, idle for over five minutes"):
        assert words in body
    assert 'class="meter low"' in body


def test_figures_have_a_meter_their_source_and_their_time(ada, ada_training, browse):
    used(ada_training, gpu_compute=84.4, gpu_memory_bytes=60 * 2**30, gpu_memory_total_bytes=80 * 2**30)
    body = browse(ada).get(f"/workloads/?columns={USED}").content.decode()
    assert 'title="scrape at 14:02:31 UTC"' in body
    assert '<rect width="36.96" height="5" rx="2.5"/></svg>84 %' in body
    assert 'title="of 80 GiB, scrape at 14:02:31 UTC"' in body
    assert '<rect width="33" height="5" rx="2.5"/></svg>60 GiB' in body


def test_those_that_hold_gpus_and_leave_them_idle_can_be_filtered(ada, red, cluster, browse):
    rows = [make_workload(red, cluster, name=name) for name in ("busy", "lazy", "unknown")]
    used(rows[0], gpus_seen=2, gpus_idle=0)
    used(rows[1], gpus_seen=2, gpus_idle=2)
    body = browse(ada).get("/workloads/?f=gpus_idle%3E%3D1").content.decode()
    assert [name in body for name in (">busy<", ">lazy<", ">unknown<")] == [False, True, False]


def test_eve_sees_no_figures_of_it(eve, ada_training, browse):
    used(ada_training, gpu_compute=84.4)
    assert "84 %" not in browse(eve).get(f"/workloads/?columns={USED}").content.decode()


def test_the_api_tells_what_is_used_and_null_for_unknown(ada, ada_training, browse):
    used(ada_training, gpu_compute=42.5, cpu_millis=1500)
    told = browse(ada).get(f"/api/v1/workloads/{ada_training.pk}").json()
    names = (
        "gpu_use_percent",
        "gpus_idle",
        "gpu_memory_used_bytes",
        "cpu_used_millicores",
        "memory_used_bytes",
    )
    assert [told[name] for name in names] == [42.5, None, None, 1500, None]


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0 MiB"), (2**20, "1 MiB"), (2**30, "1 GiB"), (3 * 2**29, "1.5 GiB")]
)
def test_amounts_are_told_in_one_unit(value, words):
    assert usage_cells.amount(value) == words
