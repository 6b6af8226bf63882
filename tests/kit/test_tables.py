"""The kit's table, on the table of workloads: what every list page inherits."""

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from tests.make import make_workload
from workloads.models import Workload
from workloads.tables import WorkloadTable


def page(user, query=""):
    return WorkloadTable.page(user, QueryDict(query))


def names(found):
    return [row.name for row in found.rows]


@pytest.fixture
def six(red, cluster, ada, bo, yesterday):
    """Six workloads that differ in every column."""
    rows = [
        ("alpha", "Running", 4000, 1000, 2**30, ada),
        ("Bravo", "Failed", 1000, 3000, 2**33, bo),
        ("charlie", "Pending", 2000, 2000, 2**31, None),
        ("delta_1", "Completed", 0, 500, 2**29, ada),
        ("echo%", "Creating", 8000, 4000, 2**34, bo),
        ("foxtrot\\", "Stopped", 3000, 100, 2**28, ada),
    ]
    return [
        make_workload(
            red,
            cluster,
            name=name,
            phase=phase,
            gpu_millis=gpus,
            cpu_millis=cpu,
            memory_bytes=memory,
            created_by=who,
            created_at=yesterday.replace(minute=minute),
            pods_requested=minute + 1,
            pods_running=minute,
            restarts=5 - minute,
            image=f"registry.example/torch:{minute}",
            namespace=f"space-{minute}",
            submitted_through=("form", "api", "cli", "cluster", "form", "api")[minute],
            reason=("", "OOMKilled", "Unschedulable", "", "Submitted", "Suspended")[minute],
            phase_at=yesterday.replace(minute=minute),
            started_at=yesterday.replace(minute=minute) if minute else None,
            completed_at=yesterday if name == "delta_1" else None,
            nodes=[f"gpu-{minute}", "gpu-shared"],
        )
        for minute, (name, phase, gpus, cpu, memory, who) in enumerate(rows)
    ]


MADE = ["alpha", "Bravo", "charlie", "delta_1", "echo%", "foxtrot\\"]  # oldest first, and by name
EXPECTED = {
    "name": MADE,
    "status": ["echo%", "charlie", "alpha", "foxtrot\\", "Bravo", "delta_1"],
    "reason": ["alpha", "delta_1", "echo%", "charlie", "Bravo", "foxtrot\\"],
    "kind": MADE,
    "project": MADE,
    "department": MADE,
    "cluster": MADE,
    "namespace": MADE,
    "created_by": ["charlie", "alpha", "delta_1", "foxtrot\\", "Bravo", "echo%"],
    "submitted_through": ["alpha", "echo%", "Bravo", "foxtrot\\", "charlie", "delta_1"],
    "image": MADE,
    "gpus": ["delta_1", "Bravo", "charlie", "foxtrot\\", "alpha", "echo%"],
    "cpu": ["foxtrot\\", "delta_1", "alpha", "charlie", "Bravo", "echo%"],
    "memory": ["foxtrot\\", "delta_1", "alpha", "charlie", "Bravo", "echo%"],
    "pods": MADE,
    "pods_running": MADE,
    "restarts": MADE[::-1],
    "age": MADE[::-1],
    "created": MADE,
    "started": MADE,
    "completed": [name for name in MADE if name != "delta_1"] + ["delta_1"],
    "in_phase": MADE[::-1],
}


@pytest.mark.parametrize("column", [WorkloadTable.columns[key] for key in EXPECTED], ids=lambda c: c.key)
def test_every_column_sorts_both_ways_and_pages_through_all_rows_once(ada, six, column, monkeypatch):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 2)
    for sort, expected in (
        (column.key, EXPECTED[column.key]),
        (f"-{column.key}", EXPECTED[column.key][::-1]),
    ):
        seen, found = [], page(ada, f"sort={sort}")
        assert found.before == ""
        while True:
            seen += names(found)
            if not found.after:
                break
            found = page(ada, f"sort={sort}&after={found.after}")
        assert seen == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("submitted_through,-gpus", ["echo%", "alpha", "foxtrot\\", "Bravo", "charlie", "delta_1"]),
        ("-submitted_through,name", ["delta_1", "charlie", "Bravo", "foxtrot\\", "alpha", "echo%"]),
        ("created_by,age", ["charlie", "foxtrot\\", "delta_1", "alpha", "echo%", "Bravo"]),
        ("kind,-completed", ["delta_1", "foxtrot\\", "echo%", "charlie", "Bravo", "alpha"]),
    ],
)
def test_a_second_key_sorts_what_the_first_leaves_equal_and_pages_both_ways(
    ada, six, sort, expected, monkeypatch
):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 2)
    pages = [page(ada, f"sort={sort}")]
    while pages[-1].after:
        pages.append(page(ada, f"sort={sort}&after={pages[-1].after}"))
    assert [name for found in pages for name in names(found)] == expected
    assert names(page(ada, f"sort={sort}&before={pages[2].before}")) == names(pages[1])


def test_a_header_leads_to_one_key_and_with_shift_to_a_second(ada, six):
    sort, columns = page(ada, "sort=-gpus").sort, WorkloadTable.columns
    assert sort.by(columns["gpus"]) == "gpus"
    assert sort.by(columns["memory"]) == "-memory"
    assert sort.by(columns["name"]) == "name"
    assert sort.then(columns["name"]) == "-gpus,name"
    assert sort.then(columns["gpus"]) == "gpus"
    two = page(ada, "sort=-gpus,name").sort
    assert two.then(columns["name"]) == "-gpus,-name"
    assert two.by(columns["name"]) == "name"
    assert [two.place_of(columns[key]) for key in ("gpus", "name", "age")] == [1, 2, 0]


def test_the_previous_page_leads_back_to_the_first(ada, six, monkeypatch):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 2)
    first = page(ada)
    second = page(ada, f"after={first.after}")
    third = page(ada, f"after={second.after}")
    assert names(page(ada, f"before={third.before}")) == names(second)
    back = page(ada, f"before={second.before}")
    assert names(back) == names(first)
    assert back.before == ""
    assert third.after == ""


def test_a_row_that_comes_in_between_shifts_no_later_page(ada, six, red, cluster, monkeypatch):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 3)
    first = page(ada)
    make_workload(red, cluster, name="newcomer")
    assert names(page(ada, f"after={first.after}")) == ["charlie", "Bravo", "alpha"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALPHA", ["alpha"]),
        ("%", ["echo%"]),
        ("_", ["delta_1"]),
        ("\\", ["foxtrot\\"]),
        ("tran", ["Bravo", "echo%"]),
        ("tran pend", []),
        ("'; DROP TABLE x; --", []),
    ],
)
def test_search_looks_into_names_and_people_and_takes_wildcards_as_they_are(ada, six, text, expected):
    params = QueryDict(mutable=True)
    params["q"], params["sort"] = text, "name"
    assert names(WorkloadTable.page(ada, params)) == expected


def test_filters_take_several_values_and_combine(ada, six):
    assert names(page(ada, "phase=Running&phase=Failed&sort=name")) == ["alpha", "Bravo"]
    assert names(page(ada, "phase=Running&q=bravo")) == []
    assert names(page(ada, "project=blue")) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sort=owner__password", "sorted by “owner__password”"),
        ("sort=name,-name", "“name” twice"),
        ("sort=name,", "sorted by “”"),
        ("sort=name,gpus,cpu", "at most 2"),
        ("sort=--name", "sorted by “-name”"),
        ("columns=name,wishes", "no column “wishes”"),
        ("columns=gpus,gpus", "“gpus” is asked for twice"),
        ("created_by__password__startswith=a", "filtered by “created_by__password__startswith”"),
        ("_connector=OR 1=1", "filtered by “_connector”"),
        ("phase=Dancing", "no status “Dancing”"),
        ("after=nonsense", "not valid any more"),
        ("q=%00", "NUL"),
        ("project=%00", "NUL"),
        (f"q={'x' * 300}", "at most 200"),
        (f"project={'x' * 10_000}", "more than 800 characters"),
    ],
)
def test_what_the_table_does_not_have_is_said_and_shows_no_rows(ada, six, query, words):
    found = page(ada, query)
    assert words in found.problem
    assert found.rows == []


def test_a_cursor_of_another_sort_or_another_s_making_is_refused(ada, six, monkeypatch):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 2)
    cursor = page(ada, "sort=name").after
    assert page(ada, f"sort=gpus&after={cursor}").problem
    assert page(ada, f"sort=name&after={cursor[:-3]}abc").problem


def test_the_total_is_exact_up_to_its_limit(ada, six, monkeypatch):
    assert page(ada).total_words == "6"
    monkeypatch.setattr("runyard.kit.tables.COUNTED", 5)
    assert page(ada).total_words == "5+"


def test_nobody_sees_a_row_of_a_project_that_is_not_theirs(ada, eve, dee, six, eve_training):
    assert names(page(eve)) == ["eves-own"]
    assert "eves-own" not in names(page(ada))
    assert len(page(dee).rows) == 7


def test_rows_that_changed_are_told_apart_from_hidden_and_gone(ada, six, eve_training):
    ids = [six[0].pk, six[1].pk, eve_training.pk, 10**12]
    found, there = WorkloadTable.again(ada, WorkloadTable.read(QueryDict("phase=Running")), ids)
    assert [row.pk for row in found] == [six[0].pk]
    assert there == {six[0].pk, six[1].pk}


def test_a_page_costs_four_queries_however_many_rows(ada, six, red, cluster, django_assert_num_queries):
    Workload.objects.bulk_create(
        Workload(
            cluster=cluster, project=red, kind="training", namespace="red", name=f"bulk-{n}", uid=f"u{n}",
            phase_at=six[0].phase_at, created_at=six[0].created_at, created_by=ada,
        )
        for n in range(60)
    )  # fmt: skip
    with django_assert_num_queries(4):  # rights, projects, how many rows, what is drawn of one page of them
        rows = page(ada).rows
        assert len(rows) == 50
        assert {(row.project.name, row.created_by and row.created_by.label) for row in rows}


@pytest.mark.parametrize("key", WorkloadTable.columns)
def test_each_column_reads_its_own_fields_and_no_row_costs_more(ada, six, key, django_assert_num_queries):
    from workloads.views.changed import row_data

    data = row_data(ada)
    draw = WorkloadTable.columns[key].drawing()
    with django_assert_num_queries(4):
        rows = page(ada, f"columns={key}").rows
        assert all(draw(row).strip() for row in rows)
        assert len({row.project.name for row in rows}) == 1
    data(rows[0])  # asks for the viewer's rights once
    with django_assert_num_queries(0):
        assert all(data(row)["name"] for row in rows)


def test_a_page_reads_no_column_that_is_not_shown(ada, six):
    with CaptureQueriesContext(connection) as queries:
        page(ada)
    assert not any("manifest" in query["sql"] or '"spec"' in query["sql"] for query in queries)
    assert not any("tenancy_department" in query["sql"] or '"image"' in query["sql"] for query in queries)
