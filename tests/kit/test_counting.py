"""How many rows match: "1,000+" until somebody asks, exact then, and words where counting takes too long."""

import pytest
from django.http import QueryDict

from runyard.kit import counting, tables
from tests.kit.scripts.test_table_choices import drawn
from tests.make import make_pod, make_workload
from workloads.models import Workload
from workloads.tables import WorkloadTable


@pytest.fixture
def many(monkeypatch, ada, red, cluster):
    """Five rows where a table counts to three."""
    monkeypatch.setattr(tables, "COUNTED", 3)
    return [make_workload(red, cluster, name=f"many-{n}", phase="Running") for n in range(5)]


def words(user, address):
    return WorkloadTable.page(user, QueryDict(address)).total_words


def test_it_counts_to_a_limit_and_on_demand_to_the_end(ada, many):
    assert words(ada, "") == "3+"
    assert words(ada, "count=exact") == "5"
    assert words(ada, "count=exact&phase=Failed") == "0"
    assert words(ada, "count=exact&q=many-3") == "1"


def test_what_takes_too_long_is_given_up_in_words(ada, many, monkeypatch):
    monkeypatch.setattr(tables, "count_exactly", lambda rows: None)
    params = QueryDict("count=exact")
    page = WorkloadTable.page(ada, params)
    assert "3+ (to count them all takes too long)" in drawn("kit/table.html", "total", page, params)
    assert len(page.rows) == 5


@pytest.mark.parametrize("address", ["", "phase=Running", "phase=Failed&phase=Running", "q=many-3", "phase="])
def test_the_page_knows_how_many_match_from_its_tally(ada, many, browse, address):
    make_workload(many[0].project, many[0].cluster, name="another", phase="Failed")
    text = browse(ada).get(f"/workloads/?{address}&view=all").content.decode()
    matching = WorkloadTable.matching(ada, WorkloadTable.read(QueryDict(address))).count()
    assert f'aria-live="polite">{matching}</span>' in text


def test_the_database_itself_ends_a_count_that_takes_too_long(ada_training, monkeypatch):
    monkeypatch.setattr(counting, "PATIENCE_SECONDS", 0.05)
    slow = Workload.objects.extra(where=["(SELECT pg_sleep(60) IS NOT NULL)"])
    assert counting.count_exactly(slow) is None
    assert Workload.objects.exists()  # and the connection is as good as before


def test_the_page_offers_to_count_and_then_tells(ada, many, browse):
    for _ in range(5):
        make_pod(many[0])
    client, pods = browse(ada), f"/workloads/{many[0].pk}/pods"
    offered = client.get(f"{pods}?sort=name").content.decode()
    assert 'href="?sort=name&amp;count=exact"' in offered
    told = client.get(f"{pods}?sort=name&count=exact").content.decode()
    assert "Count them all" not in told
    assert '<span id="total" data-counted aria-live="polite">5</span>' in told


def test_any_other_count_is_a_400_that_says_what_would_be_right(ada, cluster, browse):
    response = browse(ada).get("/workloads/?count=roughly")
    assert response.status_code == 400
    assert "count=exact" in response.content.decode()
