"""What a scrolled table asks for: a page of rows, which rows enter, and whether one has moved."""

import re

import pytest
from django.http import QueryDict

from tests.make import make_workload
from workloads.models import Workload
from workloads.tables import WorkloadTable


@pytest.fixture
def many(red, cluster, ada):
    """120 workloads of red, w-000 to w-119."""
    return [
        make_workload(red, cluster, name=f"w-{n:03}", created_by=ada, pods_requested=n) for n in range(120)
    ]


def names(response):
    return re.findall(r">(w-\d+)</a>", response.content.decode())


def edges(response):
    before, after = re.search(r'data-before="(.*?)" data-after="(.*?)"', response.content.decode()).groups()
    return before, after


def places(response):
    return dict(re.findall(r'data-row="(\d+)"[^>]*data-place="(\w+)"', response.content.decode()))


def test_pages_follow_each_other_down_and_up_without_a_gap(ada, many, browse):
    client = browse(ada)
    first = client.get("/workloads/?sort=name")
    assert edges(first)[0] == ""
    second = client.get("/workloads/page", {"sort": "name", "after": edges(first)[1]})
    third = client.get("/workloads/page", {"sort": "name", "after": edges(second)[1]})
    assert names(first) + names(second) + names(third) == [row.name for row in many]
    assert edges(third)[1] == ""
    again = client.get("/workloads/page", {"sort": "name", "before": edges(third)[0]})
    assert names(again) == names(second)
    assert edges(client.get("/workloads/page", {"sort": "name", "before": edges(second)[0]}))[0] == ""


def test_a_page_alone_is_drawn_for_the_table_it_goes_into(ada, many, browse):
    page = browse(ada).get("/workloads/page", {"sort": "name", "drawn": "name,cpu"})
    text = page.content.decode()
    assert set(re.findall(r'data-column="(\w+)"', text)) == {"cpu"}
    assert "<html" not in text


@pytest.mark.parametrize(
    "query", ["after=nonsense", "drawn=wishes", "sort=wishes", "wish=1", "f=gpus%3E%3Dmany"]
)
def test_a_wrong_page_is_refused_in_words(ada, cluster, browse, query):
    response = browse(ada).get(f"/workloads/page?{query}")
    assert response.status_code == 400
    assert response["Content-Type"] == "text/plain"
    assert len(response.content) > 20


def test_of_rows_elsewhere_only_those_that_enter_the_view_are_told(ada, eve, many, browse):
    client = browse(ada)
    second = client.get(
        "/workloads/page", {"sort": "name", "after": edges(client.get("/workloads/?sort=name"))[1]}
    )
    top, bottom = edges(second)
    above, below, inside = many[10], many[110], many[20]
    Workload.objects.filter(pk=inside.pk).update(name="w-075b")
    asked = {"sort": "name", "others": f"{above.pk},{below.pk},{inside.pk}", "after": top, "before": bottom}
    told = client.get("/workloads/rows", asked).content.decode()
    assert re.findall(r'data-row="(\d+)" data-enters', told) == [str(inside.pk)]
    assert names(client.get("/workloads/rows", asked)) == []
    assert "data-enters" not in client.get("/workloads/rows", {**asked, "phase": "Failed"}).content.decode()
    others = {name: value for name, value in asked.items() if name == "others"}
    assert "data-enters" not in browse(eve).get("/workloads/rows", others).content.decode()


@pytest.mark.parametrize("others", ["x", "1,,2,y", ",".join(map(str, range(101)))])
def test_others_that_are_none_are_refused_in_words(ada, cluster, browse, others):
    assert browse(ada).get(f"/workloads/rows?others={others}").status_code == 400


def test_a_rows_place_changes_with_what_the_table_is_sorted_by_and_with_nothing_else(ada, many, browse):
    client, row = browse(ada), many[0]

    def place():
        return places(client.get(f"/workloads/rows?ids={row.pk}&sort=restarts,name&columns=status"))[
            str(row.pk)
        ]

    before = place()
    assert before == places(client.get("/workloads/?sort=restarts,name&columns=status"))[str(row.pk)]
    Workload.objects.filter(pk=row.pk).update(phase="Failed", gpu_millis=5000)
    assert place() == before
    Workload.objects.filter(pk=row.pk).update(restarts=7)
    assert place() != before


def test_entering_costs_one_query_whatever_it_is_asked(ada, many, django_assert_num_queries):
    query = WorkloadTable.read(QueryDict("sort=-gpus,name"))
    WorkloadTable.entering(ada, query, [])
    with django_assert_num_queries(1):
        assert len(WorkloadTable.entering(ada, query, [row.pk for row in many])) == len(many)


def test_widths_alone_leave_the_columns_as_they_were(ada, many, browse):
    client = browse(ada)
    client.post("/workloads/columns", {"column": ["name", "gpus"], "next": "/workloads/"})
    client.post("/workloads/columns", {"width": ["gpus:77", "name:5000"], "next": "/workloads/"})
    text = client.get("/workloads/").content.decode()
    assert re.findall(r'scope="col" data-column="(\w+)"', text) == ["name", "gpus"]
    assert re.findall(r'<col width="(\d+)">', text) == ["34", "800", "77", "36"]
    assert "data-exact" in text
    client.post("/workloads/columns", {"reset": "1", "next": "/workloads/"})
    assert "data-exact" not in client.get("/workloads/").content.decode()


def test_without_scripts_the_pages_are_links(ada, many, browse):
    text = browse(ada).get("/workloads/").content.decode()
    links = re.search(r'<span class="without-script">(.*?)</span>', text, re.DOTALL)[1]
    assert 'rel="next"' in links
