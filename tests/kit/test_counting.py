"""How many rows match: "1,000+" until somebody asks, exact then, and words where counting takes too long."""

import pytest
from django.http import QueryDict

from runyard.kit import counting, tables
from tests.make import make_workload
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


def test_what_takes_too_long_is_given_up_in_words(ada, many, monkeypatch, browse):
    monkeypatch.setattr(tables, "count_exactly", lambda rows: None)
    text = browse(ada).get("/workloads/?count=exact").content.decode()
    assert "3+ (to count them all takes too long)" in text
    assert text.count("many-") > 5


def test_the_database_itself_ends_a_count_that_takes_too_long(ada_training, monkeypatch):
    monkeypatch.setattr(counting, "PATIENCE_SECONDS", 0.05)
    slow = Workload.objects.extra(where=["(SELECT pg_sleep(60) IS NOT NULL)"])
    assert counting.count_exactly(slow) is None
    assert Workload.objects.exists()  # and the connection is as good as before


def test_the_page_offers_to_count_and_then_tells(ada, many, browse):
    client = browse(ada)
    offered = client.get("/workloads/?sort=name").content.decode()
    assert 'href="?sort=name&amp;count=exact"' in offered
    told = client.get("/workloads/?sort=name&count=exact").content.decode()
    assert "Count them all" not in told
    assert '<span id="total" aria-live="polite">5</span>' in told


def test_any_other_count_is_a_400_that_says_what_would_be_right(ada, cluster, browse):
    response = browse(ada).get("/workloads/?count=roughly")
    assert response.status_code == 400
    assert "count=exact" in response.content.decode()
