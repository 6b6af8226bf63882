"""The gate: who sees and may do what."""

import pytest
from django.contrib.auth.models import AnonymousUser

from runyard.tenancy.access import Denied, may, projects_where, readable_projects, require
from workloads.queries import visible_workloads


def test_each_of_the_cast_sees_their_scope(ada, bo, cy, dee, eve, ada_training, eve_training):
    for person in (ada, bo, cy):
        assert list(visible_workloads(person)) == [ada_training]
    assert list(visible_workloads(eve)) == [eve_training]
    assert set(visible_workloads(dee)) == {ada_training, eve_training}


def test_a_workload_of_no_project_is_the_system_administrators(dee, cy, ada_training):
    ada_training.project = None
    ada_training.save()
    assert list(visible_workloads(dee)) == [ada_training]
    assert not visible_workloads(cy).exists()


@pytest.mark.parametrize("verb", ["read", "stop", "run", "delete", "read_logs"])
def test_eve_may_do_nothing_with_adas_training(eve, ada_training, verb):
    assert not may(eve, verb, ada_training)


@pytest.mark.parametrize(
    ("verb", "allowed"), [("read", True), ("read_logs", True), ("stop", False), ("delete", False)]
)
def test_a_viewer_reads_and_does_not_touch(vi, ada_training, verb, allowed):
    assert may(vi, verb, ada_training) is allowed


def test_the_denial_names_the_right_and_who_can_grant_it(vi, bo, ada_training):
    with pytest.raises(Denied, match=r"right to stop workloads in project red\. Ask Bo Tran"):
        require(vi, "stop", ada_training)


def test_nobody_and_disabled_people_see_nothing(ada, ada_training):
    ada.is_active = False
    for person in (AnonymousUser(), ada):
        assert not readable_projects(person).exists()
        assert not may(person, "read", ada_training)
        assert not projects_where(person, "workload.create").exists()


def test_an_unknown_verb_is_denied(ada, ada_training):
    assert not may(ada, "fly", ada_training)


def test_a_department_head_reaches_every_project_of_the_department(cy, red, green, blue):
    assert set(projects_where(cy, "workload.create")) == {red, green}


def test_a_viewer_creates_nowhere(vi):
    assert not projects_where(vi, "workload.create").exists()
