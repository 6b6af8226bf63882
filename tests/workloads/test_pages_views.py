"""Saved views on the page of workloads: choosing, saving, changing them, and what colleagues see of them."""

import html
import re
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from runyard.kit.looks import Look
from runyard.tenancy import saved_views
from runyard.tenancy.models import SavedView
from tests.answers import content
from tests.make import make_workload
from workloads.tables import WorkloadTable

LOOK = Look("phase=Failed&f=gpus%3E%3D1&sort=-gpus", ("name", "status", "gpus"), {"name": 300})
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "עבודות שנכשלו",
    "'; --",
]


def keep(user, name="Failed ones", project=None, look=LOOK, default=False):
    view = saved_views.create(user, "workloads", name, look, project)
    if default:
        SavedView.objects.filter(pk=view.pk).update(is_default=True)
    return view


def text(response):
    return html.unescape(response.content.decode())


def button(response):
    return re.search(r'class="btn ghost views-button".*?aria-label="([^"]*)"', text(response))[1]


def heads(response):
    return re.findall(r'<th scope="col" data-column="(\w+)"', response.content.decode())


def asked(address):
    return dict(parse_qsl(urlsplit(address).query))


def change(client, view, do, **fields):
    return client.post(
        reverse("workload-view", args=[view.pk]), {"do": do, "next": "/workloads/?q=x", **fields}
    )


def downloaded(client, address):
    """The header that names the file, and what is in it."""
    response = client.get(address)
    return response["Content-Disposition"], content(response)


@pytest.fixture
def failed(red, cluster, ada_training):
    return make_workload(red, cluster, name="failed-one", phase="Failed")


def test_choosing_a_view_leads_to_its_full_address(ada, failed, browse):
    view = keep(ada)
    client = browse(ada)
    answer = client.get(f"/workloads/?view={view.pk}")
    assert answer.status_code == 302
    assert asked(answer["Location"]) == {
        "view": str(view.pk), "phase": "Failed", "f": "gpus>=1", "sort": "-gpus",
        "columns": "name,status,gpus", "widths": "name:300",
    }  # fmt: skip
    page = client.get(answer["Location"])
    assert button(page) == "Views: Failed ones"
    assert heads(page) == ["name", "status", "gpus"]
    assert '<col width="300">' in text(page)
    assert "failed-one" in text(page)
    assert "redwood-sft" not in text(page)


def test_a_colleague_who_cannot_see_the_view_sees_the_same_table_and_no_word_of_it(
    ada, bo, eve, failed, eve_training, browse
):
    address = browse(ada).get(f"/workloads/?view={keep(ada, 'Secret plan').pk}")["Location"]
    page = browse(bo).get(address)
    assert page.status_code == 200
    assert heads(page) == ["name", "status", "gpus"]
    assert "failed-one" in text(page)
    for person in (bo, eve):
        answer = browse(person).get(address)
        assert "Secret plan" not in text(answer)
        assert button(answer).startswith("Views: All workloads")
    assert "failed-one" not in text(browse(eve).get(address))


def test_a_hidden_view_and_none_at_all_are_answered_alike(ada, eve, cluster, browse):
    client, view = browse(eve), keep(ada, "Secret plan")
    hidden, absent = (client.get(f"/workloads/?view={pk}") for pk in (view.pk, 10**17))
    assert hidden.status_code == absent.status_code == 200
    for page in (hidden, absent):
        assert "is not there, or not yours to see. All workloads are shown." in text(page)
    assert "not there" not in text(client.get(f"/workloads/?view={view.pk}&phase=Failed"))
    for do in ("save", "rename", "share", "default", "delete"):
        assert change(client, view, do, name="x", sure="1").status_code == 404


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 40, "١", "1' OR 1=1", "all"])
def test_what_is_no_view_changes_nothing(ada, ada_training, browse, value):
    page = browse(ada).get(f"/workloads/?view={quote(value)}&sort=name")
    assert page.status_code == 200
    assert "redwood-sft" in text(page)


@pytest.mark.parametrize(
    "address", ["view=%00", "view=" + "x" * 10_000, "project=%00", "widths=name", "widths=x:1"]
)
def test_an_address_that_is_wrong_is_a_400_in_words(ada, bo, red, ada_training, browse, address):
    keep(bo, project=red, default=True)
    assert browse(ada).get(f"/workloads/?{address}").status_code == 400


def test_the_page_is_kept_as_it_is_shown(ada, ada_training, browse):
    client = browse(ada)
    client.post(reverse("workload-columns"), {"column": ["name", "image"], "width": ["image:333"]})
    answer = client.post(
        reverse("workload-views"), {"name": "Mine", "address": "phase=Running&after=&view=all&count=exact"}
    )
    view = SavedView.objects.get()
    assert (view.owner, view.project, view.query) == (ada, None, "phase=Running&sort=age")
    assert view.layout == {"columns": ["name", "image"], "widths": {"image": 333}}
    assert asked(answer["Location"])["view"] == str(view.pk)
    page = client.get(answer["Location"])
    assert "Saved the view “Mine”." in text(page)
    assert button(page) == "Views: Mine"


def test_filters_in_another_order_and_a_page_are_no_change(ada, failed, browse):
    view = keep(ada)
    base = f"/workloads/?view={view.pk}&columns=name,status,gpus&widths=name:300&phase=Failed"
    client = browse(ada)
    assert button(client.get(f"{base}&sort=-gpus&f=gpus>=1")) == "Views: Failed ones"
    for other in ("sort=gpus&f=gpus>=1", "sort=-gpus", "sort=-gpus&f=gpus>=1&q=x"):
        page = client.get(f"{base}&{other}")
        assert button(page) == "Views: Failed ones, changed"
        assert "Changed since it was saved" in text(page)


def test_a_changed_view_is_saved_and_asks_for_the_rest(ada, failed, browse):
    view = keep(ada)
    client = browse(ada)
    answer = change(client, view, "save", address=f"view={view.pk}&q=llama&columns=gpus")
    view.refresh_from_db()
    assert (view.query, view.layout) == ("q=llama&sort=age", {"columns": ["name", "gpus"], "widths": {}})
    assert button(client.get(answer["Location"])) == "Views: Failed ones"


def test_a_view_without_widths_takes_those_of_the_viewer(ada, bo, red, ada_training, browse):
    view = keep(bo, project=red, look=Look("sort=name", ("name", "gpus"), {}))
    client = browse(ada)
    client.post(reverse("workload-columns"), {"column": ["name", "gpus"], "width": ["gpus:222"]})
    page = client.get(f"/workloads/?view={view.pk}", follow=True)
    assert '<col width="222">' in text(page)
    assert button(page) == "Views: Failed ones"


def test_rename_share_default_and_back(bo, ada, red, ada_training, browse):
    view, client = keep(bo), browse(bo)
    assert change(client, view, "rename", name="  Night   runs ")["Location"] == "/workloads/?q=x"
    change(client, view, "share", project="red")
    assert "Night runs" in text(browse(ada).get("/workloads/?q=x"))
    change(client, view, "default")
    view.refresh_from_db()
    assert (view.name, view.project, view.is_default) == ("Night runs", red, True)
    change(client, view, "no-default")
    change(client, view, "share", project="")
    view.refresh_from_db()
    assert (view.project, view.is_default) == (None, False)
    assert "Night runs" not in text(browse(ada).get("/workloads/?q=x"))


def test_a_delete_is_asked_about_and_says_what_is_lost(bo, red, cluster, browse):
    view, client = keep(bo, project=red, default=True), browse(bo)
    asking = change(client, view, "delete")
    for words in ("Delete the view “", "for everybody in project red", "cannot be undone",
                  "It is the default of project red"):  # fmt: skip
        assert words in text(asking)
    assert SavedView.objects.exists()
    dialog = client.post(
        reverse("workload-view", args=[view.pk]), {"do": "delete"}, headers={"hx-request": "true"}
    )
    assert dialog["HX-Retarget"] == "#dialog"
    assert b"<html" not in dialog.content
    answer = change(client, view, "delete", sure="1", next=f"/workloads/?view={view.pk}&q=x")
    assert not SavedView.objects.exists()
    assert answer["Location"] == "/workloads/?q=x&view=all"


def test_what_is_refused_is_said_in_the_panel_and_on_the_page(ada, vi, red, ada_training, browse):
    keep(ada)
    client = browse(ada)
    again = client.post(
        reverse("workload-views"),
        {"name": "<failed ones", "address": "sort=<b>"},
        headers={"hx-request": "true"},
    )
    assert again.status_code == 422
    assert again.content.decode().startswith(
        "This table cannot be sorted by “&lt;b&gt;”; it can by name, status, "
    )
    page = client.post(
        reverse("workload-views"), {"name": "failed ONES", "next": "/workloads/?q=x"}, follow=True
    )
    assert "You have a view “failed ONES” already" in text(page)
    page = browse(vi).post(reverse("workload-views"), {"name": "x", "project": "red"}, follow=True)
    assert "You lack the right to share views in project red" in text(page)
    for project in ("blue", "nowhere", "\0"):
        page = client.post(reverse("workload-views"), {"name": "x", "project": project}, follow=True)
        assert "There is no such project, or you may not share with it." in text(page)
    assert "A view can be changed by save, rename" in text(
        client.post(reverse("workload-view", args=[SavedView.objects.get().pk]), {"do": "fly"}, follow=True)
    )
    assert SavedView.objects.count() == 1


@pytest.mark.parametrize("name", ["", "x" * 10_000, "a\0b", "\u202eevil"])
def test_what_is_no_name_keeps_nothing(ada, cluster, browse, name):
    answer = browse(ada).post(reverse("workload-views"), {"name": name}, headers={"hx-request": "true"})
    assert answer.status_code == 422
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_they_are(ada, bo, red, ada_training, browse, name):
    view = keep(bo, name, project=red, default=True)
    for person in (ada, bo):
        page = browse(person).get(f"/workloads/?view={view.pk}&q=other").content.decode()
        assert html.escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "<script>alert" not in change(browse(bo), view, "delete").content.decode()


def test_rights_are_shown_and_the_missing_one_named(ada, bo, vi, red, ada_training, browse):
    view = keep(ada, project=red)
    address = f"/workloads/?view={view.pk}&q=x"
    own, admin, other = (text(browse(person).get(address)) for person in (ada, bo, vi))
    for page, deeds in (
        (own, "rename share delete save"),
        (admin, "rename default delete save"),
        (other, ""),
    ):
        panel = page[page.index('id="views"') :]
        assert set(re.findall(r'name="do" value="([\w-]+)"', panel)) == set(deeds.split())
    assert "You lack the right to update views in project red. Ask Bo Tran." in other
    assert "Shared with project red by Ada Lovell." in other


def test_a_project_s_default_is_what_its_people_open(ada, bo, red, failed, browse):
    view = keep(bo, project=red, default=True)
    client = browse(ada)
    for opened, project in (
        ("/workloads/", None),
        ("/workloads/?q=&phase=", None),
        ("/workloads/?project=red", "red"),
    ):
        answer = client.get(opened)
        assert asked(answer["Location"]).get("project") == project
        page = client.get(answer["Location"])
        assert button(page) == "Views: Failed ones"
        assert "redwood-sft" not in text(page)
    stays = client.get("/workloads/?view=all")
    assert button(stays) == "Views: All workloads"
    assert "redwood-sft" in text(stays)
    assert client.get("/workloads/?phase=Running").status_code == 200
    assert SavedView.objects.get() == view


def test_links_of_a_page_outside_the_default_stay_outside(ada, bo, red, failed, browse):
    keep(bo, project=red, default=True)
    page = text(browse(ada).get("/workloads/?phase=Failed"))
    assert 'href="?view=all"' in page[page.index('id="tally"') : page.index('class="bar"')]
    assert '<input type="hidden" name="view" value="all">' in page


def test_an_open_page_is_not_moved_to_a_default_set_meanwhile(ada, bo, red, ada_training, browse):
    keep(bo, project=red, default=True)
    page = browse(ada).get("/workloads/", headers={"x-runyard-refresh": "1"})
    assert page.status_code == 200
    assert "redwood-sft" in text(page)


def test_the_project_asked_for_wins_over_that_of_its_default(cy, red, green, cluster, browse):
    keep(cy, project=red, default=True, look=Look("project=green&sort=age", ("name",), {}))
    address = browse(cy).get("/workloads/?project=red")["Location"]
    assert asked(address)["project"] == "red"
    assert button(browse(cy).get(address)) == "Views: Failed ones, changed"


def test_other_people_s_defaults_are_nobody_s_business(dee, eve, bo, red, ada_training, browse):
    keep(bo, project=red, default=True)
    for person in (dee, eve):
        assert browse(person).get("/workloads/").status_code == 200
    assert browse(eve).get("/workloads/?project=red").status_code == 200
    assert browse(dee).get("/workloads/?project=red").status_code == 302


def test_what_a_view_asks_for_and_the_table_lost_is_said(ada, bo, red, ada_training, browse):
    old = Look("phase=Running&f=wishes%3E%3D1&sort=-wishes,name", ("name", "wishes", "gpus"), {"wishes": 90})
    view = keep(bo, "Old", project=red, look=old)
    page = browse(ada).get(f"/workloads/?view={view.pk}", follow=True)
    assert page.status_code == 200
    assert heads(page) == ["name", "gpus"]
    assert "redwood-sft" in text(page)
    assert button(page) == "Views: Old, changed"  # saving it leaves out what is gone
    for words in ("“Old” asks for what is no longer there", "the filter “wishes>=1”", "sorting by “wishes”",
                  "the column “wishes”"):  # fmt: skip
        assert words in text(page)
    assert 'class="bar-notice"' in text(page)


def test_a_project_that_is_gone_is_said_and_shows_no_other_rows(ada, red, ada_training, browse):
    for name in ("gone", "blue"):
        view = keep(ada, name, look=Look(f"project={name}&sort=age", ("name",), {}))
        page = browse(ada).get(f"/workloads/?view={view.pk}", follow=True)
        assert page.status_code == 200
        assert f"the project “{name}”" in text(page)
        assert "redwood-sft" not in text(page)


def test_a_view_of_a_project_one_left_is_gone_with_its_name(ada, bo, red, ada_training, browse):
    view = keep(ada, "Secret plan", project=red)
    ada.access_rules.all().delete()
    page = browse(ada).get(f"/workloads/?view={view.pk}&q=x")
    assert "Secret plan" not in text(page)
    assert change(browse(ada), view, "rename", name="x").status_code == 404


def test_columns_chosen_at_a_view_go_into_the_address_and_not_into_the_viewer_s_choice(
    ada, ada_training, browse
):
    view, client = keep(ada), browse(ada)
    at = f"/workloads/?view={view.pk}&sort=-gpus&columns=name,gpus"
    answer = client.post(
        reverse("workload-columns"), {"column": ["name", "gpus", "image"], "width": ["image:300"], "next": at}
    )
    assert asked(answer["Location"]) == {
        "view": str(view.pk), "sort": "-gpus", "columns": "name,gpus,image", "widths": "image:300"
    }  # fmt: skip
    moved = client.post(
        reverse("workload-columns"), {"column": ["name", "gpus", "image"], "up": "image", "next": at}
    )
    assert asked(moved["Location"])["columns"] == "name,image,gpus"
    ada.refresh_from_db()
    assert ada.preferences == {}


def test_the_file_is_named_after_the_view(ada, failed, browse):
    client = browse(ada)
    for name, expected in (
        ("Failed / big", 'filename="workloads-Failed___big-'),
        ('"; x=\r\n<y>', 'filename="workloads-___x___y_-'),
        ("Läufe ✓", "filename*=UTF-8''workloads-L%C3%A4ufe__-"),
        ("עבודות", "filename*=UTF-8''workloads-%D7%A2"),
    ):
        view = keep(ada, name)
        page = client.get(f"/workloads/?view={view.pk}", follow=True).content.decode()
        link, everything = map(html.unescape, re.findall(r'href="([^"]*workloads\.csv[^"]*)"', page))
        header, rows = downloaded(client, link)
        assert expected in header
        assert "-changed-" not in header
        assert re.fullmatch(r"[\x20-\x7e]+", header)
        assert b"failed-one" in rows
        assert "-changed-" not in downloaded(client, everything)[0]
        assert "-changed-" in downloaded(client, f"{link}&q=x")[0]


def test_the_file_of_a_hidden_view_is_not_named_after_it(ada, bo, failed, browse):
    view = keep(ada, "Secret plan")
    header, _ = downloaded(browse(bo), f"/workloads/workloads.csv?view={view.pk}&sort=name")
    assert "workloads-all-" in header


def test_many_views_cost_no_more_queries_than_one(ada, bo, red, ada_training, browse):
    view, client = keep(bo, project=red), browse(ada)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/workloads/?view={view.pk}&q=x").status_code == 200
        return len(captured)

    few = queries()
    for number in range(20):
        keep(ada if number % 2 else bo, f"view {number}", project=None if number % 2 else red)
    assert queries() == few


def test_search_appears_when_there_are_many(ada, cluster, browse):
    for number in range(8):
        keep(ada, f"view {number}")
    assert "Find a view" not in text(browse(ada).get("/workloads/?q=x"))
    keep(ada, "one more")
    assert "Find a view" in text(browse(ada).get("/workloads/?q=x"))


def test_every_view_can_be_drawn_by_the_table(ada, ada_training, browse):
    view = keep(ada, look=Look("sort=age", tuple(WorkloadTable.columns), {}))
    page = browse(ada).get(f"/workloads/?view={view.pk}", follow=True)
    assert heads(page) == list(WorkloadTable.columns)
    assert button(page) == "Views: Failed ones"
