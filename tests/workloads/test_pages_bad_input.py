"""What people and programs put into the table's address by mistake or malice: words or a harmless page."""

from urllib.parse import quote

import pytest
from django.http import QueryDict

from workloads.tables import WorkloadTable

WRONG = [
    "columns=owner__password", "sort=nothing", "f=nothing%3D%3D1", "f=gpus~1", "f=gpus%3E%3Dmany",
    "q=" + "x" * 10_000, "page_size=1000000000", "count=1", "after=x", "before=" + "9" * 500,
    "sort=age,name,gpus", "sort=age,age", "phase=%00",
]  # fmt: skip
HARMLESS = ["%", "_", "\\", "'", '"', "%_\\'\"", "';--", "$$", "{{7*7}}", "<b>", "\t", "٣"]


@pytest.mark.parametrize("address", WRONG, ids=lambda address: address[:24])
def test_a_wrong_address_is_a_400_in_words_without_rows(ada, ada_training, browse, address):
    response = browse(ada).get(f"/workloads/?{address}")
    assert response.status_code == 400
    assert "asks for something the table does not have" in response.content.decode()
    assert b"redwood-sft" not in response.content.split(b"<tbody")[-1]
    assert b"live-table" not in response.content  # what is wrong stays said: no refresh puts other rows there


@pytest.mark.parametrize("text", HARMLESS)
def test_odd_signs_in_a_search_are_plain_characters(ada, ada_training, browse, text):
    response = browse(ada).get(f"/workloads/?q={quote(text)}")
    assert response.status_code == 200
    found = [row.name for row in WorkloadTable.page(ada, QueryDict(f"q={quote(text)}")).rows]
    assert found == (["redwood-sft"] if not text.strip() else [])


def test_of_a_parameter_given_twice_the_last_counts_and_filters_add_up(ada, ada_training):
    def names(address):
        return [row.name for row in WorkloadTable.page(ada, QueryDict(address)).rows]

    assert names("q=nothing&q=redwood") == ["redwood-sft"]
    assert names("sort=nothing&sort=name") == ["redwood-sft"]
    assert names("phase=Failed&phase=Running") == ["redwood-sft"]
    assert names("f=gpus%3E%3D1&f=gpus%3E%3D99") == []


def test_a_cursor_of_another_sort_is_refused_in_words(ada, ada_training, red, cluster, monkeypatch):
    from tests.make import make_workload

    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 1)
    make_workload(red, cluster)
    after = WorkloadTable.page(ada, QueryDict("sort=name")).after
    assert after
    assert "not valid any more" in WorkloadTable.page(ada, QueryDict(f"sort=age&after={after}")).problem


def test_a_page_both_after_and_before_a_row_is_refused_in_words(ada, red, cluster, monkeypatch):
    from tests.make import make_workload

    monkeypatch.setattr("runyard.kit.tables.PAGE_SIZE", 1)
    for name in "ab":
        make_workload(red, cluster, name=name)
    cursor = WorkloadTable.page(ada, QueryDict("")).after
    assert "not both" in WorkloadTable.page(ada, QueryDict(f"after={cursor}&before={cursor}")).problem
