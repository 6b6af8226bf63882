"""Columns of many rows written at once arrive as they were, whatever their type."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from runyard.kit.loading import load
from runyard.kit.writing import insert_rows, write_changes, write_columns
from tests.make import make_workload
from workloads.models import Workload
from workloads.status import Phase

ODD = {
    "name": "quote ' and \" and \\ and %s and {} and λ",
    "phase": Phase.FAILED,
    "uid": None,
    "memory_bytes": 2**62 + 1,
    "suspended": True,
    "nodes": ["a", "b,c", '"d"', "{e}", "NULL"],
    "finalizers": [],
    "spec": {"a": [1, None, "'"], "b": {"c": True}},
    "phase_at": datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
    "started_at": None,
    "time_pending": timedelta(days=40, seconds=3, microseconds=5),
    "time_running": timedelta(0),
}


def test_every_type_arrives_as_it_was(red, green, cluster):
    row = make_workload(red, cluster, started_at=datetime(2020, 1, 1, tzinfo=UTC))
    for name, value in {**ODD, "project": green}.items():
        setattr(row, name, value)
    write_columns([row], [*ODD, "project"])
    written = Workload.objects.get(pk=row.pk)
    assert {name: getattr(written, name) for name in ODD} == ODD
    assert written.project == green


def test_only_these_columns_of_these_rows_are_written_in_one_statement(red, cluster):
    rows = [make_workload(red, cluster, name=f"w-{n}") for n in range(3)]
    for row in rows:
        row.image, row.retries = f"image-{row.pk}", 9
    with CaptureQueriesContext(connection) as queries:
        write_columns(rows[:2], ["image"])
    assert len(queries) == 1
    written = list(Workload.objects.order_by("pk").values_list("image", "retries"))
    assert written[:2] == [(f"image-{rows[0].pk}", 0), (f"image-{rows[1].pk}", 0)]
    assert written[2] != (f"image-{rows[2].pk}", 9)


def test_what_differs_in_one_row_is_written_of_all_and_nothing_else(red, cluster):
    for number in range(2):
        make_workload(red, cluster, name=f"w-{number}", image="old", nodes=["a"])
    rows = load(Workload.objects.order_by("pk"))
    Workload.objects.update(message="of somebody else")
    rows[0].image, rows[1].nodes = "new", ["a", "b"]
    with CaptureQueriesContext(connection) as queries:
        write_changes(rows)
    written = Workload.objects.order_by("pk").values_list("image", "nodes", "message")
    others = "of somebody else"
    assert list(written) == [("new", ["a"], others), ("old", ["a", "b"], others)]
    assert len(queries) == 1


def test_rows_that_are_as_they_were_are_no_statement(red, cluster):
    make_workload(red, cluster)
    rows = load(Workload.objects.all())
    rows[0].nodes = list(rows[0].nodes)
    with CaptureQueriesContext(connection) as queries:
        write_changes(rows)
        write_changes([])
    assert len(queries) == 0


def test_no_rows_are_no_statement(db):
    with CaptureQueriesContext(connection) as queries:
        write_columns([], ["image"])
    assert len(queries) == 0


def test_rows_that_are_new_get_keys_and_what_they_hold_in_two_statements(red, cluster):
    wanted = {**ODD, "uid": "one"}
    rows = [
        Workload(
            cluster=cluster, project=red, namespace="red", kind="training", created_at=ODD["phase_at"], **one
        )
        for one in (wanted, wanted | {"uid": "two", "name": "other"})
    ]
    with CaptureQueriesContext(connection) as queries:
        insert_rows(rows)
    assert len(queries) == 2
    written = Workload.objects.get(pk=rows[0].pk)
    assert {name: getattr(written, name) for name in wanted} == wanted
    assert (written.key, written.project, written.search_text.text[:5]) == (rows[0].key, red, "QUOTE")
    assert Workload.objects.get(uid="two").pk == rows[1].pk > rows[0].pk
    rows[0].save(update_fields=["image"])  # known to be there
    make_workload(red, cluster)  # the next key is free


def test_no_new_rows_are_no_statement(db):
    with CaptureQueriesContext(connection) as queries:
        insert_rows([])
    assert len(queries) == 0
