"""Queries whose SQL is written once: they still tell what is there now, to each who asks what is theirs."""

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from runyard.kit.compiled import compiled
from runyard.tenancy.models import Project, SavedView

pytestmark = pytest.mark.django_db
made = []


@compiled("name", "layout", "project__name")
def views_of(owner):
    made.append(owner)
    return SavedView.objects.filter(owner=owner).order_by("name")


@compiled()
def projects_named(names):
    return Project.objects.filter(name__in=names).values_list("name").annotate(number=Count("pk"))


def keep(owner, name, project=None):
    return SavedView.objects.create(
        owner=owner, table="workloads", name=name, project=project, layout={"widths": {"name": 300}}
    )


def test_rows_are_read_anew_by_a_query_that_is_made_once(ada):
    made.clear()
    assert views_of(ada.pk) == []
    keep(ada, "mine")
    assert [view.name for view in views_of(ada.pk)] == ["mine"]
    assert made.count(ada.pk) <= 1  # none where another test asked for the same number


def test_each_argument_has_its_own_rows(ada, vi):
    keep(ada, "hers")
    assert (len(views_of(ada.pk)), views_of(vi.pk)) == (1, [])


def test_rows_hold_what_was_named_and_fields_are_pythons(ada, red):
    keep(ada, "a", red)
    keep(ada, "b", red)
    with CaptureQueriesContext(connection) as asked:
        first, second = views_of(ada.pk)
        assert (first.layout, first.project.name) == ({"widths": {"name": 300}}, "red")
        assert first.project is second.project
    assert len(asked) == 1


def test_without_paths_rows_are_tuples(red):
    assert projects_named(("red",)) == [("red", 1)]


def test_nobody_asks_where_nothing_can_match(red):
    with CaptureQueriesContext(connection) as asked:
        assert projects_named(()) == []
    assert not asked.captured_queries
