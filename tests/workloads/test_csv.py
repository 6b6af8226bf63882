"""The table of workloads as CSV, from the page and from the API: who gets which rows, and how they look."""

import csv
import html
import io
import re
from datetime import datetime
from threading import BoundedSemaphore

import pytest
from django.urls import reverse

from tests.answers import content
from tests.make import make_workload
from workloads.tables import WorkloadTable

API = "/api/v1/workloads"
HOSTILE = [
    '=HYPERLINK("http://evil.example","x")', "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx",
    "＝1", "＋1", "－1", "＠x",
]  # fmt: skip


@pytest.fixture(autouse=True)
def turns(monkeypatch):
    """All turns to download are free in each test, which may leave a response unread."""
    monkeypatch.setattr("runyard.kit.csv._turns", BoundedSemaphore(9))


def body(response):
    assert response.status_code == 200, response.content
    return content(response).decode()


def records(response):
    return list(csv.DictReader(io.StringIO(body(response), newline=""), strict=True))


def names(response):
    return [row["Name"] for row in records(response)]


@pytest.fixture
def export(browse):
    """`export(ada, "q=x")`: the response to her asking for the file of that page."""
    return lambda user, query="": browse(user).get(f"{reverse('workload-csv')}?{query}")


def of_api(browse, user, query=""):
    return browse(user).get(f"{API}?{query}", headers={"accept": "text/csv"})


def test_ada_finds_in_the_file_what_she_sees_in_the_table(ada, ada_training, export):
    response = export(ada)
    (row,) = records(response)
    assert response["Content-Type"].startswith("text/csv; charset=utf-8")
    assert (row["Name"], row["Status"], row["Project"]) == ("redwood-sft", "Running", "red")
    assert row["Created by"] == "Ada Lovell"
    assert row["Row count"] == "1"


def test_every_cell_equals_its_row_in_plain_units(ada, red, cluster, yesterday, export):
    ended = yesterday.replace(microsecond=999_999)
    made = make_workload(
        red, cluster, name="ümlaut-✓", created_by=ada, phase="Failed", reason="OOMKilled", phase_at=ended,
        gpu_millis=1250, cpu_millis=500, memory_bytes=3 * 2**29, pods_requested=4, pods_running=3, restarts=7,
        nodes=["node-1", "node-2"], created_at=yesterday, completed_at=ended, submitted_through="api",
    )  # fmt: skip
    (row,) = records(export(ada, "columns=all"))
    expected = {
        "Name": "ümlaut-✓", "Status": "Failed", "Status detail": "out of memory", "Reason": "out of memory",
        "Kind": "training", "Project": "red", "Namespace": "red", "Cluster": "local",
        "Created by": "Ada Lovell", "Submitted through": "API", "Image": made.image, "GPUs": "1.25",
        "CPU (cores)": "0.5", "Memory (bytes)": str(3 * 2**29), "Pods running": "3", "Pods requested": "4",
        "Restarts": "7", "Nodes": "node-1; node-2", "Started (UTC)": "", "Row count": "1",
    }  # fmt: skip
    assert {header: row[header] for header in expected} == expected
    for header, moment in (("Created (UTC)", yesterday), ("Completed (UTC)", ended)):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[header])
        assert datetime.fromisoformat(row[header]) == moment.replace(microsecond=0)


def test_the_words_beside_the_status_are_those_of_the_page(ada, red, cluster, export):
    made = [
        make_workload(red, cluster, phase="Pending", reason="Unschedulable"),
        make_workload(red, cluster, phase="Pending", reason="Unschedulable", message="0 of 3 nodes"),
        make_workload(red, cluster, phase="Stopped", reason="Suspended"),
        make_workload(red, cluster, phase="Running"),
        make_workload(red, cluster, phase="Failed", reason="of another version"),
    ]
    found = {row["Name"]: row["Status detail"] for row in records(export(ada))}
    assert found == {workload.name: workload.why for workload in made}


def test_every_column_has_a_header_of_its_own(ada, ada_training, export):
    (line,) = list(csv.reader(io.StringIO(body(export(ada, "columns=all"))), strict=True))[:1]
    assert len(line) == len(set(line)) > len(WorkloadTable.columns)
    assert "" not in line


def test_the_chosen_columns_come_in_the_chosen_order(ada, ada_training, export):
    text = body(export(ada, "columns=name,gpus,project"))
    assert text == "Name,GPUs,Project,Row count\nredwood-sft,1,red,1\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_begins_like_a_formula(ada, red, cluster, name, export):
    make_workload(red, cluster, name=name, message=name, nodes=[name], image=name)
    (row,) = records(export(ada, "columns=all"))
    for header in ("Name", "Status detail", "Nodes", "Image"):
        assert row[header] == f"'{name}"


@pytest.mark.parametrize(
    "text", ['"', "a,b", "two\nlines", "cr\r\nlf", '",="\n', "\\.", "a=b", "'", "10%", "%s"]
)
def test_other_text_comes_back_as_it_was(ada, red, cluster, text, export):
    make_workload(red, cluster, name="plain", message=text)
    (row,) = records(export(ada))
    assert row["Status detail"] == text


def test_all_rows_come_not_one_page_and_the_last_says_how_many(ada, red, cluster, export):
    made = [make_workload(red, cluster).name for _ in range(60)]
    rows = records(export(ada))
    assert sorted(row["Name"] for row in rows) == sorted(made)
    assert [row["Row count"] for row in rows] == [*[""] * 59, "60"]


def test_sort_filters_and_search_are_those_of_the_address(ada, red, green, cluster, export):
    for name, phase, gpus in (
        ("b", "Failed", 2),
        ("a", "Failed", 2),
        ("c", "Running", 9),
        ("d", "Failed", 5),
    ):
        make_workload(red, cluster, name=f"llama-{name}", phase=phase, gpu_millis=gpus * 1000)
    make_workload(red, cluster, name="other", phase="Failed")
    assert names(export(ada, "q=llama&phase=Failed&sort=-gpus,name")) == ["llama-d", "llama-a", "llama-b"]
    assert names(export(ada, "f=gpus>=5&sort=name")) == ["llama-c", "llama-d"]


def test_no_row_is_a_header_and_a_line_end(ada, red, export):
    assert body(export(ada, "columns=name")) == "Name,Row count\n"
    assert body(export(ada, "columns=name&f=gpus==0.001")) == "Name,Row count\n"


def test_eve_gets_nothing_of_red(eve, ada_training, eve_training, export, browse):
    assert names(export(eve, "columns=all")) == ["eves-own"]
    assert names(export(eve, "project=red")) == []
    assert names(of_api(browse, eve)) == ["eves-own"]
    assert names(of_api(browse, eve, "project=red")) == []


def test_somebody_of_no_project_gets_a_file_without_rows(db, ada_training, django_user_model, export):
    assert records(export(django_user_model.objects.create_user("zoe"))) == []


@pytest.mark.parametrize(
    "query",
    [
        "sort=owner__password",
        "secret=1",
        "phase=Dancing",
        "q=%00",
        "columns=secret",
        "f=gpus=@x",
        f"q={'x' * 10_000}",
    ],
)
def test_a_wrong_address_is_a_400_in_the_words_of_the_page(ada, ada_training, query, export, browse):
    response = export(ada, query)
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    words = response.content.decode()
    assert words
    page = browse(ada).get(f"/workloads/?{query}")
    assert page.status_code == 400
    assert words[:30].replace("'", "&#39;") in page.content.decode()


def test_the_file_is_named_after_the_project_and_the_moment(ada, ada_training, export):
    for query, part in (("", "all"), ("project=red", "red"), ("project=red&project=green", "all")):
        name = export(ada, query)["Content-Disposition"]
        assert re.fullmatch(rf'attachment; filename="workloads-{part}-\d{{8}}T\d{{6}}Z\.csv"', name)
    assert "evil" in (name := export(ada, 'project="%0d%0aevil:1')["Content-Disposition"])
    assert re.fullmatch(r'attachment; filename="[\w.-]+"', name)


def test_the_page_offers_the_file_of_what_it_shows(ada, ada_training, browse):
    text = browse(ada).get("/workloads/?phase=Running&sort=-gpus").content.decode()
    links = re.findall(r'href="([^"]*workloads\.csv[^"]*)"', text)
    assert len(links) == 2
    for link in links:
        assert {"phase=Running", "sort=-gpus"} <= set(re.split("[?&]", html.unescape(link)))
    chosen, everything = (records(browse(ada).get(html.unescape(link))) for link in links)
    assert [row["Name"] for row in chosen] == [row["Name"] for row in everything] == ["redwood-sft"]
    assert set(chosen[0]) < set(everything[0])


def test_the_api_gives_csv_of_every_column_newest_first(ada, red, cluster, browse):
    made = [make_workload(red, cluster).name for _ in range(55)]
    response = of_api(browse, ada)
    assert response["Content-Type"].startswith("text/csv")
    rows = records(response)
    assert [row["Name"] for row in rows] == made[::-1]
    assert "Restarts" in rows[0]


def test_the_api_s_filters_and_columns_count_for_csv(ada, red, cluster, browse):
    for name, phase in (("x-1", "Failed"), ("x-2", "Running"), ("y", "Failed")):
        make_workload(red, cluster, name=name, phase=phase)
    text = body(of_api(browse, ada, "phase=Failed&search=x&columns=status"))
    assert text == "Name,Status,Status detail,Row count\nx-1,Failed,,1\n"


@pytest.mark.parametrize("query", ["phase=Dancing", "columns=secret", "limit=5", "after=7", "secret=1"])
def test_a_wrong_question_to_the_api_is_a_400_in_json(ada, ada_training, query, browse):
    response = of_api(browse, ada, query)
    assert response.status_code == 400
    assert response["Content-Type"].startswith("application/json")
    assert response.json()["message"]


def test_the_api_answers_json_to_whoever_does_not_ask_for_csv(ada, ada_training, browse):
    for accept in ("*/*", "application/json", "text/html,*/*;q=0.8"):
        response = browse(ada).get(API, headers={"accept": accept})
        assert response.json()["workloads"][0]["name"] == "redwood-sft"


def test_a_stranger_gets_no_file(client, ada_training):
    assert client.get(reverse("workload-csv")).status_code == 302
    assert client.get(API, headers={"accept": "text/csv"}).status_code == 403
