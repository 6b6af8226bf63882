"""The choices people make about the table of workloads: its columns, kept for them alone, and its filters."""

import re

import pytest
from django.conf import settings
from django.urls import reverse

from runyard.kit.columns import OPERATORS
from runyard.tenancy.models import User
from tests.answers import content
from tests.make import make_workload
from workloads.tables import WorkloadTable


def heads(response):
    return re.findall(r'<th scope="col" data-column="(\w+)"', response.content.decode())


def choose(client, *columns, **more):
    return client.post(reverse("workload-columns"), {"column": columns, "next": "/workloads/", **more})


def test_a_choice_is_kept_for_the_person_who_made_it_and_for_nobody_else(ada, bo, ada_training, browse):
    default = heads(browse(bo).get("/workloads/"))
    answer = choose(browse(ada), "image", "gpus", width=["image:300"])
    assert answer["Location"] == "/workloads/?"
    page = browse(ada).get("/workloads/")
    assert heads(page) == ["name", "image", "gpus"]
    assert '<col width="300">' in page.content.decode()
    assert heads(browse(bo).get("/workloads/")) == default


def test_the_address_wins_over_the_choice_and_the_row_alone_follows_it(ada, ada_training, browse):
    client = browse(ada)
    choose(client, "image")
    assert heads(client.get("/workloads/?columns=cpu,memory")) == ["name", "cpu", "memory"]
    row = client.get(f"/workloads/rows?ids={ada_training.pk}&columns=cpu").content.decode()
    assert re.findall(r'data-column="(\w+)"', row) == ["cpu"]
    own = client.get(f"/workloads/rows?ids={ada_training.pk}").content.decode()
    assert re.findall(r'data-column="(\w+)"', own) == ["image"]


def test_rows_are_drawn_for_the_table_they_go_into_and_leave_its_address_alone(ada, ada_training, browse):
    text = browse(ada).get(f"/workloads/rows?ids={ada_training.pk}&drawn=name,cpu&sort=name").content.decode()
    assert re.findall(r'data-column="(\w+)"', text) == ["cpu"]
    assert 'href="?sort=name"' in text
    assert browse(ada).get("/workloads/rows?ids=1&drawn=wishes").status_code == 400


def test_reset_forgets_the_choice_and_other_preferences_stay(ada, ada_training, browse):
    User.objects.filter(pk=ada.pk).update(
        preferences={"theme": "dark", "tables": {"nodes": {"columns": ["x"]}}}
    )
    client = browse(ada)
    before = heads(client.get("/workloads/"))
    choose(client, "image")
    choose(client, "image", reset="1")
    assert heads(client.get("/workloads/")) == before
    ada.refresh_from_db()
    assert ada.preferences == {"theme": "dark", "tables": {"nodes": {"columns": ["x"]}}}


def test_without_scripts_a_button_moves_a_column(ada, ada_training, browse):
    client = browse(ada)
    choose(client, "name", "status", "gpus", "age", up="gpus")
    assert heads(client.get("/workloads/")) == ["name", "gpus", "status", "age"]
    choose(client, "name", "gpus", "status", "age", down="status")
    assert heads(client.get("/workloads/")) == ["name", "gpus", "age", "status"]


def test_a_saved_column_that_is_gone_is_a_notice_and_not_an_error(ada, ada_training, browse):
    User.objects.filter(pk=ada.pk).update(
        preferences={"tables": {"workloads": {"columns": ["wishes", "gpus"], "widths": 7}}}
    )
    page = browse(ada).get("/workloads/")
    assert page.status_code == 200
    assert heads(page) == ["name", "gpus"]
    assert "no longer there: wishes" in page.content.decode()


@pytest.mark.parametrize("preferences", [[], 7, {"tables": 7}, {"tables": {"workloads": "x"}}])
def test_preferences_that_make_no_sense_show_the_default(ada, ada_training, browse, preferences):
    User.objects.filter(pk=ada.pk).update(preferences=preferences)
    client = browse(ada)
    default = [key for key, column in WorkloadTable.columns.items() if column.default]
    assert heads(client.get("/workloads/")) == default
    assert choose(client, "gpus").status_code == 302
    assert heads(client.get("/workloads/")) == ["name", "gpus"]


@pytest.mark.parametrize(
    "posted", [{"column": ["wishes"]}, {"column": ["gpus"] * 2}, {"width": ["gpus:wide"]}]
)
def test_what_is_no_choice_is_refused_and_nothing_is_kept(ada, ada_training, browse, posted):
    answer = browse(ada).post(reverse("workload-columns"), posted)
    assert answer.status_code == 400
    ada.refresh_from_db()
    assert ada.preferences == {}


def test_the_form_leads_back_to_a_page_of_ours_without_the_columns_of_its_address(ada, cluster, browse):
    client = browse(ada)
    back = choose(client, "gpus", next="/workloads/?q=x&columns=cpu&sort=-gpus")
    assert back["Location"] == "/workloads/?q=x&sort=-gpus"
    assert choose(client, "gpus", next="https://evil.example/")["Location"] == "/workloads/?"


def test_columns_are_kept_by_post_alone_and_for_the_signed_in(client, ada, browse):
    assert browse(ada).get(reverse("workload-columns")).status_code == 405
    assert choose(client, "gpus")["Location"].startswith("/sign-in/")


def test_every_column_is_drawn_with_its_head(ada, ada_training, browse):
    page = browse(ada).get("/workloads/?columns=" + ",".join(WorkloadTable.columns))
    assert page.status_code == 200
    assert heads(page) == list(WorkloadTable.columns)
    text = page.content.decode()
    for words in ("research", "registry.example/torch:2.6", "Cluster"):
        assert words in text


def test_filters_show_as_chips_that_can_be_taken_away_one_by_one(ada, red, cluster, ada_training, browse):
    make_workload(red, cluster, name="small", gpu_millis=0)
    page = browse(ada).get("/workloads/?f=gpus>=1&f=name=@red&sort=-gpus")
    text = page.content.decode()
    assert "redwood-sft" in text
    assert ">small</a>" not in text
    assert 'aria-label="Remove the filter GPUs at least 1"' in text
    assert 'href="?sort=-gpus&amp;f=name%3D%40red"' in text
    assert 'href="?sort=-gpus&amp;f=gpus%3E%3D1"' in text


def test_the_filter_form_adds_one_to_those_in_the_address(ada, cluster, browse):
    client = browse(ada)
    answer = client.get("/workloads/filter?f=gpus>=1&q=x&after=stale&column=name&operator==@&value=50%25")
    assert answer["Location"] == "/workloads/?q=x&f=gpus%3E%3D1&f=name%3D%4050%25"
    wrong = client.get("/workloads/filter?column=gpus&operator==@&value=8", follow=True)
    assert wrong.status_code == 400
    assert "GPUs cannot be filtered with =@" in wrong.content.decode()


def test_hostile_filter_values_are_escaped(ada, ada_training, browse):
    text = browse(ada).get("/workloads/?f=name=@<script>x</script>").content.decode()
    assert "<script>x" not in text
    assert "&lt;script&gt;" in text


def test_live_rows_and_the_tally_honour_the_filters(ada, ada_training, browse):
    address = f"/workloads/rows?ids={ada_training.pk}&f=gpus>=8"
    text = browse(ada).get(address).content.decode()
    assert 'data-left="hidden"' in text
    assert re.search(r"All</span><strong>0<", text)
    assert browse(ada).get(f"/workloads/rows?ids={ada_training.pk}&f=gpus").status_code == 400


@pytest.mark.parametrize("query", ["sort=gpus,gpus", "columns=wishes", "f=gpus~8", "f=wishes==1"])
def test_a_wrong_address_is_a_400_in_words(ada, ada_training, browse, query):
    page = browse(ada).get(f"/workloads/?{query}")
    assert page.status_code == 400
    assert "does not have" in page.content.decode()
    assert "redwood-sft" not in page.content.decode()


def test_two_sort_keys_show_their_places_in_the_head(ada, ada_training, browse):
    text = browse(ada).get("/workloads/?sort=-gpus,name").content.decode()
    assert re.search(r'data-column="gpus"[^>]*data-sorted aria-sort="descending"', text)
    assert "↓<sup>1</sup>" in text
    assert "↑<sup>2</sup>" in text
    assert text.count("aria-sort=") == 1
    assert "sorted second, ascending" in text


def test_the_page_on_addresses_names_every_column_and_operator():
    page = (settings.BASE_DIR / "docs" / "table.md").read_text()
    assert [key for key in WorkloadTable.columns if f"`{key}`" not in page] == []
    assert [operator for operator in OPERATORS if f"`{operator}`" not in page] == []


def test_the_pods_of_a_workload_have_columns_of_their_own(ada, bo, ada_training, browse):
    client, address = browse(ada), f"/workloads/{ada_training.pk}/pods"
    mine, bos, of_workloads = (
        heads(client.get(address)),
        heads(browse(bo).get(address)),
        heads(client.get("/workloads/")),
    )
    answer = choose(client, "node", "placed", width=["node:300"], table="pods", next=address)
    assert answer["Location"] == f"{address}?"
    page = client.get(address)
    assert heads(page) == ["name", "node", "placed"]
    assert '<col width="300">' in page.content.decode()
    assert 'name="table" value="pods"' in page.content.decode()
    assert 'aria-label="Width of Node"' in page.content.decode()
    assert content(client.get(f"{address}.csv")).decode().lstrip("\ufeff").startswith("Pod,Node,Given a node")
    assert heads(browse(bo).get(address)) == bos
    assert heads(client.get("/workloads/")) == of_workloads
    choose(client, reset="1", table="pods", next=address)
    assert heads(client.get(address)) == mine


@pytest.mark.parametrize(
    ("table", "column"), [("nodes", "name"), ("pods", "image_pull"), ("pods", "priority")]
)
def test_a_table_or_a_column_that_is_none_is_a_400_in_words(ada, browse, table, column):
    answer = choose(browse(ada), column, table=table)
    assert answer.status_code == 400
    assert "no table" in answer.content.decode() or "no column" in answer.content.decode()
