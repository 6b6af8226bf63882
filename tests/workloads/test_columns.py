"""Every column of the table of workloads, one by one: sorted, filtered, exported, in the API, and escaped.

A column that is added is tested by adding what is small and what is great in it to SAMPLES; without that the
tests of that column fail.
"""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from runyard.clusters.models import Cluster
from tests.answers import content
from tests.make import make_workload
from workloads.models import Usage
from workloads.tables import WorkloadTable

ROOM = 1120  # pixels of a window of 1440, less navigation, margins, boxes and menus
NOON, HOSTILE = datetime(2026, 3, 1, 12, tzinfo=UTC), "<b a=\"1\" b='2'>&"


@dataclass
class Sample:
    """Fields of a row that is first when ascending and of one that is last, and how the first one reads.

    `small` and `great` are what a filter is given for them; `cell` stands in a file, `shown` in the API.
    """

    first: dict[str, Any]
    last: dict[str, Any]
    small: str
    great: str
    cell: str
    shown: Any


def text(field, first="alpha", last="Bravo"):
    return Sample({field: first}, {field: last}, first, last, first, first)


def several(field):
    both = ["one", "two"]
    return Sample({field: both}, {field: ["Zed"]}, "one", "Zed", "one; two", both)


def number(field, scale=1, shown=None):
    first = {field: 2 * scale}
    return Sample(first, {field: 10 * scale}, "2", "10", "2", shown or 2)


def gib(field):
    return Sample({field: 2**30}, {field: 2**34}, "1", "16", str(2**30), 2**30)


def used(field, first, last, cell, shown, small="2"):
    return Sample({"usage": {field: first}}, {"usage": {field: last}}, small, "10", cell, shown)


def choice(field, first, last, cell):
    return Sample({field: first}, {field: last}, first, last, cell, first)


def moment(field, *, younger_first=False):
    older, younger = NOON - timedelta(days=9), NOON
    first, last = (younger, older) if younger_first else (older, younger)
    read = (
        [ago(at) for at in (first, last)]
        if younger_first
        else [f"{at:%Y-%m-%dT%H:%MZ}" for at in (first, last)]
    )
    shown = f"{first:%Y-%m-%dT%H:%M:%SZ}"
    return Sample({field: first}, {field: last}, *read, shown, shown)


def ago(at):
    """A length of time between the two moments of a sample and now, on the right side of `at`."""
    days = (timezone.now() - at).days
    return f"{days + 3 if at == NOON else days - 3}d"


def lasting(field, phase):
    """Both ended: 90 s and a day. That those which go on grow is tested by itself."""
    first, last = {field: timedelta(seconds=90)}, {field: timedelta(days=1)}
    ended = {"phase": "Completed"}
    return Sample(first | ended, last | ended, "2m", "20h", "90", 90)


def left(field):
    """Two days from now, and nine."""
    soon, late = timezone.now() + timedelta(days=2), timezone.now() + timedelta(days=9)
    shown = f"{soon:%Y-%m-%dT%H:%M:%SZ}"
    return Sample({field: soon}, {field: late}, "3d", "8d", shown, shown)


def tool(name):
    return {"name": name, "port": 8000, "kind": "custom", "path": "/"}


SAMPLES = {
    "name": text("name"),
    "status": choice("phase", "Pending", "Running", "Pending"),
    "reason": choice("reason", "Unschedulable", "OOMKilled", "no node has room"),
    "kind": text("kind"),
    "category": Sample({"kind": "training"}, {"kind": "x"}, "Train", "Deploy", "Train", "Train"),
    "architecture": choice("architecture", "Standard", "Distributed", "Standard"),
    "priority": text("priority"),
    "preemptible": choice("preemptible", "yes", "no", "Yes"),
    "project": Sample({"project": "green"}, {"project": "red"}, "green", "red", "green", "green"),
    "department": Sample(
        {"project": "red"}, {"project": "blue"}, "research", "sales", "research", "research"
    ),
    "cluster": Sample({"cluster": "local"}, {"cluster": "other"}, "local", "other", "local", "local"),
    "namespace": text("namespace"),
    "created_by": Sample(
        {"created_by": "ada"}, {"created_by": "bo"}, "Ada Lovell", "bo", "Ada Lovell", "ada"
    ),
    "submitted_through": choice("submitted_through", "form", "api", "Form"),
    "queue": Sample(
        {"queueing": {"queue": "alpha"}}, {"queueing": {"queue": "Bravo"}}, "alpha", "Bravo", "alpha", "alpha"
    ),
    "application": text("application"),
    "owner_chain": text("owner_chain"),
    "data_sources": several("data_sources"),
    "labels": several("labels"),
    "connections": Sample(
        {"tools": [tool("alpha")]},
        {"tools": [tool("bravo")]},
        "alpha",
        "bravo",
        "alpha",
        [tool("alpha") | {"state": ""}],
    ),
    "image": text("image"),
    "gpus": number("gpu_millis", 1000),
    "gpus_allocated": number("gpu_millis_allocated", 1000),
    "gpu_use": used("gpu_compute", 2.0, 10.0, "2", 2),
    "gpus_idle": used("gpus_idle", 2, 10, "2", 2),
    "gpu_memory_use": used("gpu_memory_bytes", 2**30, 10 * 2**30, str(2**30), 2**30, small="1"),
    "gpu_memory": gib("gpu_memory_bytes"),
    "gpu_memory_allocated": gib("gpu_memory_bytes_allocated"),
    "cpu": number("cpu_millis", 1000, 2000),
    "cpu_allocated": number("cpu_millis_allocated", 1000, 2000),
    "cpu_use": used("cpu_millis", 2000, 10_000, "2", 2000),
    "memory": gib("memory_bytes"),
    "memory_use": used("memory_bytes", 2**30, 10 * 2**30, str(2**30), 2**30, small="1"),
    "memory_allocated": gib("memory_bytes_allocated"),
    "pods": number("pods_requested"),
    "pods_running": number("pods_running"),
    "runs": number("runs_requested"),
    "restarts": number("restarts"),
    "exit_code": number("exit_code"),
    "nodes": several("nodes"),
    "node_pools": several("node_pools"),
    "age": moment("created_at", younger_first=True),
    "created": moment("created_at"),
    "started": moment("started_at"),
    "completed": moment("completed_at"),
    "changed": moment("changed_at", younger_first=True),
    "in_phase": moment("phase_at", younger_first=True),
    "pending_time": lasting("time_pending", "Pending"),
    "run_time": lasting("time_running", "Running"),
    "guaranteed": left("guaranteed_until"),
}
each_column = pytest.mark.parametrize("column", WorkloadTable.columns.values(), ids=lambda column: column.key)


@pytest.fixture
def world(red, green, blue, cluster, ada, bo):
    other = Cluster.objects.create(name="other", kubeconfig="")
    named = {"red": red, "green": green, "blue": blue, "local": cluster, "other": other, "ada": ada, "bo": bo}
    return SimpleNamespace(**named)


def make(world, number, fields):
    """A row like its neighbours but for `fields`."""
    common = {"name": f"w-{number}", "namespace": f"space-{number}", "created_at": NOON, "phase_at": NOON}
    where = {"project": "red", "cluster": "local"} | {
        name: fields[name] for name in ("project", "cluster") if name in fields
    }
    rest = {name: value for name, value in fields.items() if name not in where}
    if "created_by" in rest:
        rest["created_by"] = getattr(world, rest["created_by"])
    project, cluster = getattr(world, where["project"]), getattr(world, where["cluster"])
    usage = rest.pop("usage", None)
    row = make_workload(project, cluster, **{**common, **rest})
    if usage:
        Usage.objects.create(workload=row, source="scrape", at=NOON, **usage)
    return row


@pytest.fixture
def rows(world):
    """`rows(column)`: primary keys of two rows that come first, told apart by CPU or memory, and one last."""

    def made(column):
        sample = SAMPLES[column.key]
        first = [
            make(world, n, {"cpu_millis": 1000 * n, "memory_bytes": n * 2**30} | sample.first) for n in (2, 1)
        ]
        return [first[1].pk, first[0].pk, make(world, 3, sample.last).pk]

    return made


def kept(user, **params):
    query = QueryDict(mutable=True)
    query.update(params)
    page = WorkloadTable.page(user, query)
    assert page.problem == ""
    return page


@each_column
def test_it_sorts_both_ways_with_a_second_key_page_by_page(dee, rows, column, monkeypatch):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 1)
    ascending, second = rows(column), "memory" if column.key == "cpu" else "cpu"
    for sort, expected in (
        (f"{column.key},{second}", ascending),
        (f"-{column.key},-{second}", ascending[::-1]),
    ):
        page = kept(dee, sort=sort)
        seen = [row.pk for row in page.rows]
        while page.after:
            page = kept(dee, sort=sort, after=page.after)
            seen += [row.pk for row in page.rows]
        assert seen == expected


@each_column
def test_each_of_its_operators_keeps_what_it_says(dee, rows, column):
    sample, (one, other, last) = SAMPLES[column.key], rows(column)
    first, everything = {one, other}, {one, other, last}
    expected = {
        "==": (sample.small, first),
        "!=": (sample.small, {last}),
        ">=": (sample.great, {last}),
        "<=": (sample.small, first),
        "=@": (sample.small[1:], first),
        "!@": (sample.small[1:], {last}),
        "=^": (sample.small[:3].upper(), first),
        "=$": (sample.small[-3:].upper(), first),
    }
    assert column.operators
    for operator in column.operators:
        value, found = expected[operator]
        page = kept(dee, f=f"{column.key}{operator}{value}")
        assert {row.pk for row in page.rows} == found, operator
    assert {row.pk for row in kept(dee).rows} == everything


@each_column
def test_it_is_in_the_file_and_in_the_api(dee, rows, column, browse):
    sample, (pk, *_) = SAMPLES[column.key], rows(column)
    answer = browse(dee).get(reverse("workload-csv"), {"columns": column.key, "sort": column.key})
    lines = list(csv.DictReader(io.StringIO(content(answer).decode(), newline=""), strict=True))
    headers = [header for header, _ in column.fields()]
    assert set(headers) <= set(lines[0])
    assert all(sample.cell in [line[header] for header in headers] for line in lines[:2])
    alone = browse(dee).get(f"/api/v1/workloads/{pk}").json()
    listed = {row["id"]: row for row in browse(dee).get("/api/v1/workloads").json()["workloads"]}
    for found in (alone, listed[pk]):
        assert found[next(iter(column.api))] == sample.shown


#: Columns whose words somebody outside can choose.
WRITTEN = {
    "name", "status", "kind", "priority", "project", "department", "cluster", "namespace", "created_by",
    "application", "owner_chain", "labels", "image", "nodes", "node_pools", "queue",
}  # fmt: skip


@pytest.fixture
def hostile(world, dee):
    """A row of which every text is an attempt."""
    for thing in (world.red, world.red.department, world.local):
        type(thing).objects.filter(pk=thing.pk).update(name=HOSTILE)
    type(world.ada).objects.filter(pk=world.ada.pk).update(username=HOSTILE, first_name=HOSTILE, last_name="")
    texts = ("name", "kind", "namespace", "image", "message", "priority", "application", "owner_chain")
    words = ("nodes", "node_pools", "labels")
    return make(
        world,
        1,
        dict.fromkeys(texts, HOSTILE)
        | {name: [HOSTILE] * 2 for name in words}
        | {"created_by": "ada", "queueing": {"queue": HOSTILE}},
    )


@each_column
def test_its_cell_escapes_what_people_wrote_and_says_something_of_nothing(dee, hostile, column, world):
    make_workload(world.red, world.local, image="", gpu_millis=0, cpu_millis=0, memory_bytes=0)
    bare, wild = map(column.drawing(), kept(dee, columns=column.key).rows)
    assert bare.strip()
    assert "None" not in bare
    assert "<b " not in wild
    assert "'2'>" not in wild
    if column.key in WRITTEN:
        assert "&lt;b a=" in wild


def test_the_page_of_columns_says_what_is_declared():
    """docs/table.md has one line for each column: key, label, what it is, default, its fields in the API."""
    lines = (settings.BASE_DIR / "docs" / "table.md").read_text().splitlines()
    for column in WorkloadTable.columns.values():
        told = [line for line in lines if line.startswith(f"| `{column.key}` |")]
        assert len(told) == 1, column.key
        cells = [cell.strip() for cell in told[0].strip("|").split("|")]
        unit = f", {column.unit}" if column.unit else ""
        assert cells[1:4] == [
            column.label,
            f"{type(column).__name__.lower()}{unit}",
            "yes" if column.default else "",
        ]
        assert [f"`{name}`" for name in column.api] == cells[4].split(", ")


def test_no_more_columns_are_shown_at_first_than_a_laptop_has_room_for():
    shown = [column for column in WorkloadTable.columns.values() if column.default]
    assert sum(column.width for column in shown) <= ROOM


def test_a_time_that_goes_on_grows_and_keeps_its_place_among_those_that_ended(dee, red, cluster):
    hour, now = timedelta(hours=1), timezone.now()
    make_workload(red, cluster, name="ended", phase="Completed", time_running=5 * hour)
    make_workload(red, cluster, name="goes-on", phase="Running", time_running=hour, phase_at=now - 6 * hour)
    make_workload(red, cluster, name="waits", phase="Pending", time_running=2 * hour, phase_at=now - 9 * hour)
    assert [row.name for row in kept(dee, sort="-run_time").rows] == ["goes-on", "ended", "waits"]
    assert [row.name for row in kept(dee, f="run_time>=7h").rows] == ["goes-on"]
    assert [row.name for row in kept(dee, f="pending_time>=9h").rows] == ["waits"]
    assert [row.name for row in kept(dee, f="run_time<=3h").rows] == ["waits"]


def test_pages_of_what_grows_lose_no_row_and_show_none_twice(dee, red, cluster, monkeypatch):
    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 1)
    hour, now = timedelta(hours=1), timezone.now()
    make_workload(red, cluster, name="ended", phase="Completed", time_running=3 * hour)
    for hours in (2, 4):
        make_workload(red, cluster, name=f"since-{hours}", phase="Running", phase_at=now - hours * hour)
    page = kept(dee, sort="-run_time")
    seen = [row.name for row in page.rows]
    monkeypatch.setattr("runyard.kit.tables.timezone.now", lambda: now + 2 * hour)  # all that runs is greater
    while page.after:
        page = kept(dee, sort="-run_time", after=page.after)
        seen += [row.name for row in page.rows]
    assert seen == ["since-4", "ended", "since-2"]


def test_a_guaranteed_time_that_is_over_reads_zero_and_is_none_to_filters(dee, red, cluster):
    now = timezone.now()
    make_workload(red, cluster, name="over", guaranteed_until=now - timedelta(hours=5))
    make_workload(red, cluster, name="safe", guaranteed_until=now + timedelta(hours=5, seconds=59))
    make_workload(red, cluster, name="never")
    cell = WorkloadTable.columns["guaranteed"].drawing()
    drawn = {row.name: cell(row) for row in kept(dee, columns="guaranteed").rows}
    assert ">0 s<" in drawn["over"]
    assert ">5 h" in drawn["safe"]
    assert "–" in drawn["never"]
    assert [row.name for row in kept(dee, f="guaranteed>=1s").rows] == ["safe"]
    assert [row.name for row in kept(dee, sort="-guaranteed").rows] == ["safe", "over", "never"]
