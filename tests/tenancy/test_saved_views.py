"""Saved views: whose they are, who may do what with them, and what the database never holds."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from runyard.kit.looks import Look
from runyard.tenancy import saved_views
from runyard.tenancy.access import Denied, forget_rules, may
from runyard.tenancy.models import SavedView
from runyard.tenancy.saved_views import BadView, clean_name, visible_views

LOOK = Look("phase=Failed&sort=age", ("name", "gpus"), {"name": 300})
TABLE = "workloads"


def keep(user, name="Failed", project=None):
    return saved_views.create(user, TABLE, name, LOOK, project)


def seen(user):
    return [view.name for view in visible_views(user, TABLE)]


def test_an_own_view_is_its_owners_alone(ada, bo, cy, dee, eve, vi):
    view = keep(ada)
    assert (view.query, view.layout) == (LOOK.query, {"columns": ["name", "gpus"], "widths": {"name": 300}})
    assert seen(ada) == ["Failed"]
    for other in (bo, cy, dee, eve, vi, AnonymousUser()):
        assert seen(other) == []
        assert not may(other, "delete", view, noun="view")


def test_a_shared_view_is_seen_by_the_people_of_its_project(ada, bo, cy, dee, eve, vi, red):
    keep(ada, project=red)
    assert [seen(person) for person in (ada, bo, cy, dee, vi)] == [["Failed"]] * 5
    assert seen(eve) == []


def test_views_of_another_table_are_not_listed(ada):
    keep(ada)
    assert list(visible_views(ada, "nodes")) == []


def test_somebody_who_left_sees_nothing(ada, bo, red):
    keep(ada)
    keep(bo, project=red)
    ada.is_active = False
    assert seen(ada) == []


SHARERS = {"ada": True, "bo": True, "cy": True, "dee": True, "vi": False, "eve": False}


@pytest.mark.parametrize(("name", "allowed"), SHARERS.items())
def test_who_may_share_in_red(request, red, name, allowed):
    person = request.getfixturevalue(name)
    own = keep(person, "own")  # everybody may keep these
    for attempt in (lambda: keep(person, "made shared", red), lambda: saved_views.share(person, own, red)):
        if allowed:
            attempt()
        else:
            with pytest.raises(Denied, match="share views in project red"):
                attempt()
    own.refresh_from_db()
    assert own.project == (red if allowed else None)


#: What is done to a view that Ada shared with red, and who of red may.
DEEDS = {
    "rename": (lambda user, view: saved_views.rename(user, view, "New"), {"ada", "bo", "cy", "dee"}),
    "update": (lambda user, view: saved_views.update(user, view, LOOK), {"ada", "bo", "cy", "dee"}),
    "delete": (saved_views.delete, {"ada", "bo", "cy", "dee"}),
    "set default": (lambda user, view: saved_views.set_default(user, view, True), {"bo", "cy", "dee"}),
    "take back": (lambda user, view: saved_views.share(user, view, None), {"ada"}),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("name", ["ada", "bo", "cy", "dee", "vi", "eve", "cal"])
def test_who_may_change_what_ada_shared(request, django_user_model, ada, red, name, deed):
    if name == "cal":  # another practitioner of red
        person = django_user_model.objects.create_user("cal")
        person.access_rules.create(role="practitioner", project=red)
    else:
        person = request.getfixturevalue(name)
    view = keep(ada, project=red)
    act, allowed = DEEDS[deed]
    if name in allowed:
        act(person, view)
        return
    with pytest.raises((Denied, BadView)):
        act(person, view)
    kept = SavedView.objects.get(pk=view.pk)
    assert (kept.name, kept.is_default, kept.project) == ("Failed", False, red)


def test_the_default_is_the_administrators_even_when_ada_made_it(ada, bo, red):
    view = keep(ada, project=red)
    saved_views.set_default(bo, view, True)
    for act in (
        lambda: saved_views.update(ada, view, LOOK),
        lambda: saved_views.rename(ada, view, "x"),
        lambda: saved_views.share(ada, view, None),
        lambda: saved_views.delete(ada, view),
        lambda: saved_views.set_default(ada, view, False),
    ):
        with pytest.raises(Denied, match=r"set default views in project red\. Ask Bo Tran"):
            act()
    saved_views.set_default(bo, view, False)
    saved_views.share(ada, view, None)
    assert seen(bo) == []


def test_a_viewer_who_was_a_practitioner_cannot_change_what_they_shared(ada, red):
    view = keep(ada, project=red)
    ada.access_rules.update(role="viewer")
    forget_rules(ada)
    with pytest.raises(Denied, match="share views"):
        saved_views.rename(ada, view, "x")


def test_a_project_has_one_default(bo, red):
    first, second = keep(bo, "one", red), keep(bo, "two", red)
    saved_views.set_default(bo, first, True)
    saved_views.set_default(bo, second, True)
    assert saved_views.default_view(bo, TABLE) == second
    assert SavedView.objects.filter(is_default=True).count() == 1
    with pytest.raises(BadView, match="Share the view with a project first"):
        saved_views.set_default(bo, keep(bo, "own"), True)


def test_defaults_of_two_projects_are_none_and_each_when_asked_by_name(cy, dee, eve, red, green):
    for project in (red, green):
        saved_views.set_default(cy, keep(cy, "first", project), True)
    assert saved_views.default_view(cy, TABLE) is None
    assert saved_views.default_view(cy, TABLE, "green").project == green
    assert saved_views.default_view(eve, TABLE, "green") is None


def test_dee_belongs_to_no_project_and_begins_with_all(dee, bo, red):
    saved_views.set_default(bo, keep(bo, project=red), True)
    assert saved_views.default_view(dee, TABLE) is None
    assert saved_views.default_view(dee, TABLE, "red").name == "Failed"


def test_names_are_unique_for_a_person_and_in_a_project_whatever_the_case(ada, bo, red):
    keep(ada)
    keep(bo)
    keep(ada, project=red)
    with pytest.raises(BadView, match="You have a view “FAILED” already"):
        keep(ada, "FAILED")
    with pytest.raises(BadView, match="Project red has a view “failed” already"):
        keep(bo, "failed", red)
    with pytest.raises(BadView, match="You have a view"):
        saved_views.share(ada, SavedView.objects.get(owner=ada, project=red), None)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\u200b", "\u2060\u200d", "a\0b", "a\x1bb", "\ud800", "x" * 81, "x" * 10_000, "\u202egpj.exe",
     "\u2066x"],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_words(text):
    with pytest.raises(BadView) as refusal:
        clean_name(text)
    assert refusal.value.fields["name"].endswith(".")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("  two\n words\t", "two words"),
        ("עבודות שנכשלו", "עבודות שנכשלו"),
        ("e\u0301", "\u00e9"),
        ("👩‍🔬 mine", "👩‍🔬 mine"),
        ("'; DROP TABLE x; --%_\\", "'; DROP TABLE x; --%_\\"),
    ],
)
def test_odd_names_are_kept_as_they_are(ada, text, kept):
    assert keep(ada, text).name == kept


def test_a_person_and_a_project_keep_only_so_many(ada, bo, red, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST_OWNED", 2)
    monkeypatch.setattr(saved_views, "MOST_SHARED", 1)
    keep(ada, "one")
    keep(ada, "two", red)
    with pytest.raises(BadView, match="You keep 2 views already"):
        keep(ada, "three")
    with pytest.raises(BadView, match="red has 1 views already"):
        keep(bo, "four", red)
    with pytest.raises(BadView, match="red has 1 views already"):
        saved_views.share(bo, keep(bo, "five"), red)


def test_a_query_that_is_too_long_is_refused(ada):
    with pytest.raises(BadView, match="more filters than can be kept"):
        saved_views.create(ada, TABLE, "long", Look("q=" + "x" * 4000, ("name",), {}))


def test_a_view_goes_with_its_project_and_with_its_owner(ada, bo, green, red):
    keep(bo, "red's", red)
    keep(ada, "own")
    saved = SavedView(owner=ada, table=TABLE, name="green's", project=green, query="", layout={})
    saved.save()
    green.delete()
    ada.access_rules.all().delete()
    ada.delete()
    assert list(SavedView.objects.values_list("name", flat=True)) == ["red's"]


def test_two_who_change_a_view_at_once_do_not_undo_each_other(ada, bo, red):
    view = keep(ada, project=red)
    bos, again = SavedView.objects.get(pk=view.pk), SavedView.objects.get(pk=view.pk)
    saved_views.set_default(bo, bos, True)
    saved_views.rename(ada, view, "New")
    view.refresh_from_db()
    assert (view.name, view.is_default) == ("New", True)
    saved_views.delete(bo, view)
    with pytest.raises(BadView, match="deleted meanwhile"):
        saved_views.rename(ada, again, "Back again")
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"is_default": True}, {"name": "KEPT"}, {"project": True, "is_default": True}]
)
def test_the_database_itself_refuses(ada, red, wrong):
    SavedView.objects.create(owner=ada, table=TABLE, name="kept", query="")
    SavedView.objects.create(owner=ada, table=TABLE, name="shared", query="", project=red, is_default=True)
    fields = {"name": "new", **wrong, "project": red if wrong.get("project") else None}
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(owner=ada, table=TABLE, query="", **fields)
