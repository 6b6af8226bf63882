"""Only so many downloads run at a time; who comes too late is told when to try again."""

from threading import BoundedSemaphore

import pytest
from django.http import QueryDict

from runyard.kit import csv
from tests.answers import content
from workloads.tables import WorkloadTable

ADDRESSES = [("/workloads/workloads.csv", {}), ("/api/v1/workloads", {"accept": "text/csv"})]


@pytest.fixture(autouse=True)
def turns(monkeypatch):
    """All turns are free: other tests may have left a download unread."""
    monkeypatch.setattr(csv, "_turns", BoundedSemaphore(csv.AT_ONCE))
    return csv._turns


@pytest.mark.parametrize(("address", "headers"), ADDRESSES)
def test_who_comes_too_late_is_told_to_come_again_and_served_once_one_ended(
    ada, ada_training, browse, turns, address, headers
):
    client = browse(ada)
    for _ in range(csv.AT_ONCE):
        turns.acquire()
    late = client.get(address, headers=headers)
    assert late.status_code == 503
    assert int(late["Retry-After"]) > 0
    assert "downloads run already" in late.content.decode()
    turns.release()
    assert b"redwood-sft" in content(client.get(address, headers=headers))


def test_each_download_gives_its_turn_back(ada, ada_training, browse):
    for _ in range(2 * csv.AT_ONCE):
        assert b"redwood-sft" in content(browse(ada).get("/workloads/workloads.csv"))


def test_a_turn_is_given_back_once_however_often_an_export_is_closed(ada, ada_training, turns):
    export = csv.table_csv(WorkloadTable, ada, QueryDict())
    export.take_turn()
    export.close()
    export.close()  # a second release would raise: the semaphore is a bounded one
    assert [turns.acquire(blocking=False) for _ in range(csv.AT_ONCE + 1)] == [True] * csv.AT_ONCE + [False]
