"""Rows that are read at once are those that Django reads, whatever their columns hold."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runyard.kit.loading import fresh, load
from runyard.kit.writing import insert_rows
from tests.make import make_workload
from workloads.models import Pod, Workload

ODD = {
    "message": "quote ' and \" and \\ and %s and {} and λ",
    "memory_bytes": 2**62 + 1,
    "suspended": True,
    "nodes": ["a", "b,c", '"d"', "{e}", "NULL"],
    "finalizers": [],
    "spec": {"a": [1, None, "'", 2**53 + 1], "b": {"c": True, "λ": 1.5}},
    "manifest": {},
    "phase_at": datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
    "started_at": None,
    "time_pending": timedelta(days=40, seconds=3, microseconds=5),
}


@pytest.fixture
def rows(red, cluster):
    return [make_workload(red, cluster, name=f"w-{n}", **ODD) for n in range(3)]


def columns(row):
    return {name: value for name, value in vars(row).items() if name != "_state"}


def test_every_column_is_what_django_reads(rows):
    known = Workload.objects.order_by("pk")
    assert [columns(row) for row in load(known)] == [columns(row) for row in known]


def test_a_column_left_out_is_read_when_it_is_used(rows):
    row = load(Workload.objects.filter(pk=rows[0].pk), without=["spec"])[0]
    assert columns(row).keys() == columns(rows[0]).keys() - {"spec"}
    assert row.spec == ODD["spec"]


def test_times_are_in_utc_whatever_the_sessions_zone(rows):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Kolkata'")
    assert {row.phase_at for row in load(Workload.objects.all())} == {ODD["phase_at"]}


def test_a_row_is_whole_it_knows_its_project_and_can_be_saved(rows, red):
    row = load(Workload.objects.filter(pk=rows[1].pk))[0]
    assert row.project == red
    row.image = "new"
    row.save()
    assert list(Workload.objects.order_by("pk").values_list("image", flat=True)).index("new") == 1


def test_rows_are_locked_where_that_is_asked_for(rows):
    with CaptureQueriesContext(connection) as queries:
        load(Workload.objects.select_for_update(no_key=True))
    assert queries[0]["sql"].endswith("FOR NO KEY UPDATE")


@pytest.mark.parametrize("none", [{"pk__in": []}, {"name__among": []}])
def test_nothing_is_found_where_nothing_is_asked_for(rows, none):
    assert load(Workload.objects.filter(**none)) == []


def test_among_finds_what_in_finds_with_one_parameter(rows, red, cluster):
    odd = ["w-0", "w-2", "a,b", "{c}", 'd"', "e'", "f\\", "NULL", "", "%s"]
    for name in odd[2:]:
        make_workload(red, cluster, name=name)
    found = Workload.objects.filter(name__among=odd).order_by("pk")
    assert [row.name for row in found] == odd
    assert list(Workload.objects.filter(pk__among={row.pk for row in found}).order_by("pk")) == list(found)
    assert list(Workload.objects.exclude(name__among=odd)) == [rows[1]]
    assert not Pod.objects.filter(uid__among=["w-0"]).exists()


def test_a_row_made_at_once_is_what_django_makes(cluster):
    said = {"cluster_id": cluster.pk, "name": "w", "phase_at": datetime(2026, 2, 28, tzinfo=UTC)}
    ours, djangos = columns(fresh(Workload, **said)), columns(Workload(**said))
    for made in (ours, djangos):
        assert made.pop("key")
        assert made.pop("changed_at")
    assert ours == djangos


def test_rows_made_at_once_share_nothing_and_can_be_written(red, cluster):
    said = {"cluster_id": cluster.pk, "project_id": red.pk, "phase_at": datetime(2026, 2, 28, tzinfo=UTC)}
    first, second = (fresh(Workload, name=n, created_at=said["phase_at"], **said) for n in ("a", "b"))
    first.nodes.append("node-1")
    insert_rows([first, second])
    assert (first.key, first.project) != (second.key, None)
    assert list(Workload.objects.order_by("pk").values_list("name", "nodes")) == [
        ("a", ["node-1"]),
        ("b", []),
    ]
