"""The workloads page: who sees what, what the address can ask for, what each state offers."""

import re

import pytest
from django.urls import reverse

from runyard.clusters.models import Cluster
from runyard.tenancy.models import AccessRule
from tests.make import make_workload
from workloads.models import Workload


def html(response):
    return response.content.decode()


def rows(response):
    return re.findall(r'<tr data-row="(\d+)"', html(response))


def test_ada_sees_her_training_with_phase_people_and_amounts(ada, ada_training, browse):
    response = browse(ada).get("/workloads/")
    text = html(response)
    assert rows(response) == [str(ada_training.pk)]
    for words in ("redwood-sft", "Running", "Training", "red", "Ada Lovell"):
        assert words in text


def test_eve_sees_nothing_of_red_on_any_address(eve, ada_training, eve_training, browse):
    client = browse(eve)
    for query in ("", "?q=redwood", "?project=red", "?cluster=local", "?sort=project"):
        response = client.get(f"/workloads/{query}")
        assert response.status_code == 200
        assert "redwood-sft" not in html(response)
        assert ">red</a>" not in html(response)  # the switcher offers only what is theirs


def test_a_name_with_capitals_is_found_in_the_long_menu_as_it_is_typed(ada, cluster, browse):
    Cluster.objects.bulk_create(Cluster(name=f"East-{number}", kubeconfig="none") for number in range(12))
    text = html(browse(ada).get("/workloads/"))
    assert 'aria-label="Find a cluster"' in text
    assert re.search(r'<a href="[^"]*cluster=East-7" data-label="east-7">East-7</a>', text)


def test_somebody_of_no_project_is_told_whom_to_ask(db, ada_training, browse, django_user_model):
    nobody = django_user_model.objects.create_user("zoe")
    text = html(browse(nobody).get("/workloads/"))
    assert "You belong to no project yet" in text
    assert "New Workload" not in text


def test_a_viewer_is_offered_no_submission_and_told_why_actions_are_grey(vi, bo, ada_training, browse):
    text = html(browse(vi).get("/workloads/"))
    assert "New Workload" not in text
    assert "not yours to stop in project red; ask Bo Tran" in text


def test_the_first_visit_offers_a_sample_and_a_form(ada, cluster, browse):
    text = html(browse(ada).get("/workloads/"))
    assert "No workloads yet" in text
    assert "Try a sample" in text
    assert reverse("workload-new") in text


def test_no_match_offers_to_clear_the_filters(ada, ada_training, browse):
    text = html(browse(ada).get("/workloads/?q=nothing-like-this"))
    assert "No workload matches" in text
    assert "Clear filters" in text


def test_an_empty_project_is_said_to_be_empty_and_the_form_opens_for_it(
    cy, ada_training, green, cluster, browse
):
    text = html(browse(cy).get("/workloads/?project=green"))
    assert "No workloads in green" in text
    assert "Show all projects" in text
    link = reverse("workload-new") + "?project=green"
    assert f'href="{link}"' in text
    assert "<option selected>green</option>" in html(browse(cy).get(link))


@pytest.mark.parametrize("project", ["green", "nosuch"])
def test_the_form_opens_for_a_project_where_one_may_submit(ada, red, green, cluster, browse, project):
    AccessRule.objects.create(user=ada, project=green, role="viewer")
    link = f"{reverse('workload-new')}?project={project}"
    assert "<option selected>red</option>" in html(browse(ada).get(link))


@pytest.mark.parametrize(
    "query", ["project=blue", "project=nosuch", "project=green&q=x", "project=green&project=blue"]
)
def test_a_project_that_one_may_not_see_is_no_empty_project(cy, eve_training, green, browse, query):
    text = html(browse(cy).get(f"/workloads/?{query}"))
    assert "No workload matches" in text
    assert "No workloads in" not in text


@pytest.mark.parametrize("query", ["sort=owner__password", "secret=1", "phase=Dancing", "after=x", "q=%00"])
def test_a_wrong_address_is_a_400_that_says_why_and_shows_no_rows(ada, ada_training, browse, query):
    response = browse(ada).get(f"/workloads/?{query}")
    assert response.status_code == 400
    assert "does not have" in html(response)
    assert rows(response) == []


def test_the_tally_counts_what_the_other_filters_leave(ada, red, cluster, ada_training, browse):
    make_workload(red, cluster, name="other", phase="Failed")
    text = html(browse(ada).get("/workloads/?phase=Failed"))
    tally = re.sub(r"<[^>]+>|\s+", " ", text[text.index('id="tally"') : text.index('class="bar"')])
    assert re.search(r"All\s+2\b", tally)
    assert re.search(r"Running\s+1\b", tally)
    assert re.search(r"Failed\s+1\b", tally)


def test_names_and_messages_are_escaped(dee, red, cluster, browse):
    make_workload(
        red, cluster, name="<img src=x onerror=alert(1)>", message='"><script>x</script>', phase="Failed"
    )
    text = html(browse(dee).get("/workloads/"))
    assert "<img src=x" not in text
    assert "<script>x" not in text


def test_the_page_holds_no_inline_script_style_or_handler(ada, ada_training, browse):
    client = browse(ada)
    for address in ("/workloads/", "/workloads/new", ada_training.get_absolute_url()):
        text = html(client.get(address))
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"\sstyle=", text)
        assert not re.search(r"\son[a-z]+=", text)


def test_changed_rows_come_alone_and_say_when_they_left(ada, ada_training, eve_training, browse):
    query = f"ids={ada_training.pk},{eve_training.pk},987654321&phase=Running"
    text = html(browse(ada).get(f"/workloads/rows?{query}"))
    assert f'<tr data-row="{ada_training.pk}" data-version' in text
    assert f'<tr data-row="{eve_training.pk}" data-left="gone">' in text
    assert "eves-own" not in text
    hidden = html(browse(ada).get(f"/workloads/rows?ids={ada_training.pk}&phase=Failed"))
    assert f'<tr data-row="{ada_training.pk}" data-left="hidden">' in hidden


@pytest.mark.parametrize("ids", ["a", "-1", "1;2", "9" * 40, ",".join(["1"] * 501), "%00", "١"])
def test_ids_that_are_none_are_refused_in_words(ada, cluster, browse, ids):
    response = browse(ada).get(f"/workloads/rows?ids={ids}")
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")


def test_the_page_costs_the_same_for_one_row_and_for_fifty(ada, vi, red, cluster, ada_training, browse):
    client = browse(vi)
    few = _queries(client)
    for number in range(49):
        make_workload(red, cluster, name=f"more-{number}", created_by=ada)
    assert _queries(client) == few
    assert few <= 22


def _queries(client):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        assert client.get("/workloads/").status_code == 200
    return len(queries)


def test_nobody_signed_in_is_sent_to_sign_in_from_every_page(client, ada_training):
    pk = ada_training.pk
    for address in ("/", "/workloads/", "/workloads/rows?ids=1", "/workloads/new", f"/workloads/{pk}/",
                    f"/workloads/{pk}/events", f"/workloads/{pk}/pods", f"/workloads/{pk}/logs",
                    f"/workloads/{pk}/logs/download", "/freshness"):  # fmt: skip
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/?next=")


def test_reading_never_changes_anything(ada, ada_training, browse):
    client = browse(ada)
    for name in ("workload-bulk", "workload-sample", "workload-preview"):
        assert client.get(reverse(name)).status_code == 405
    assert Workload.objects.get(pk=ada_training.pk).version == ada_training.version
