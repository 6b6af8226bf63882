"""People, roles and projects made at a terminal: `person` and `project`."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from runyard.clusters.connection import connect
from runyard.clusters.models import Cluster
from runyard.tenancy.access import may, readable_projects
from runyard.tenancy.models import Project, User
from tests.embedded import embedded


def said(*words):
    output = StringIO()
    call_command(*words, stdout=output)
    return output.getvalue()


def test_a_new_person_signs_in_with_the_password_shown_and_has_the_role(red, ada_training, client):
    words = said("person", "mia", "--full-name", "Mia Lund", "--role", "viewer", "--project", "red")
    assert "Mia Lund (mia): viewer of red" in words
    password = re.search(r"Password  (\S+)  \(shown only now\)", words)[1]
    assert client.login(username="mia", password=password)
    assert b"redwood-sft" in client.get("/workloads/").content
    mia = User.objects.get(username="mia")
    assert not may(mia, "stop", ada_training)


def test_a_second_call_changes_nothing_and_shows_no_password(ada, red):
    for _ in range(2):
        assert said("person", "ada", "--role", "practitioner", "--project", "red") == (
            "Ada Lovell (ada): practitioner of red\n"
        )


def test_no_password_is_shown_of_a_person_who_is_not_made(db):
    output = StringIO()
    with pytest.raises(CommandError, match="at most 150 characters"):
        call_command("person", "mia", "--full-name", "M" * 151, stdout=output)
    assert (output.getvalue(), User.objects.exists()) == ("", False)


def test_a_role_in_a_department_holds_in_all_its_projects_until_it_is_taken_away(vi, red, green):
    role = ("person", "vi", "--role", "administrator", "--department", "research")
    assert "administrator of all of research" in said(*role)
    assert set(readable_projects(User.objects.get(pk=vi.pk))) == {red, green}
    assert said(*role, "--take-away") == "Vi Sato (vi): viewer of red\n"
    assert set(readable_projects(User.objects.get(pk=vi.pk))) == {red}


def test_a_project_comes_with_its_department_and_its_namespace(db):
    words = "Project teal of department vision, namespace teal\n"
    assert said("project", "teal", "--department", "vision") == words
    assert said("project", "teal", "--department", "vision") == words
    assert Project.objects.get(name="teal").department.name == "vision"


def test_who_names_neither_department_nor_namespace_wishes_for_no_other(db):
    words = said("project", "teal", "--department", "vision", "--namespace", "teal-runs")
    assert said("project", "teal") == words == "Project teal of department vision, namespace teal-runs\n"
    assert "of department default, namespace plum" in said("project", "plum")
    assert [project.name for project in Project.objects.order_by("pk")] == ["teal", "plum"]


def test_the_namespace_is_made_where_there_is_none_and_said_where_it_cannot_be(cluster, tmp_path):
    with embedded(tmp_path) as near:
        Cluster.objects.create(name="near", kubeconfig=near.kubeconfig)
        words = said("project", "teal")
        assert "Cluster near: namespace teal made\n" in words
        assert "Cluster local: namespace teal is not made: There is no kubeconfig" in words
        assert connect(Cluster.objects.get(name="near")).meta("/api/v1/namespaces/teal").name == "teal"
        assert "Cluster near: namespace teal is there\n" in said("project", "teal")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("person", "mia", "--role", "viewer"), "give --role and --project"),
        (("person", "mia", "--project", "red"), "give --role and --project"),
        (("person", "mia", "--role", "viewer", "--project", "rde"), "There is no project rde; there is red"),
        (("person", "mia lund"), "Enter a valid username"),
        (("person", "nobody", "--role", "viewer", "--project", "red", "--take-away"), "no person nobody"),
        (("project", "Teal"), "Use lower-case letters"),
        (("project", "teal", "--namespace", "red"), "already exists"),
        (("project", "red", "--department", "vision"), "There is one already: Project red of department"),
        (("project", "red", "--namespace", "runs"), "There is one already: Project red of department"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_made(red, words, told):
    with pytest.raises(CommandError, match=told):
        said(*words)
    assert not User.objects.exists()
    assert [project.name for project in Project.objects.all()] == ["red"]
