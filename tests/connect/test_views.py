"""The door of a tool, as a page: who is let in, and what one reads while it is closed."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from runyard.clusters.connection import ApiError, Silent, Unreachable
from runyard.connect import knocking, probing
from runyard.connect.models import Visit
from workloads.models import Workload
from workloads.tools import load

JUPYTER = {"name": "jupyter", "port": 8888, "kind": "jupyter", "path": "/lab"}


@pytest.fixture
def notebook(ada_training):
    """Ada's workspace with Jupyter; its pod runs."""
    Workload.objects.filter(pk=ada_training.pk).update(tools=[JUPYTER], phase="Running")
    ada_training.refresh_from_db()
    return ada_training


@pytest.fixture
def answers(monkeypatch):
    """What the cluster says when a tool is asked: an exception to raise, or None for an answer."""
    said, asked = [None], []

    class Cluster:
        def request(self, method, path, **options):
            asked.append(path)
            if said[0] is not None:
                raise said[0]
            return self

        def close(self):
            pass

    monkeypatch.setattr(knocking, "connect", lambda cluster: Cluster())
    said.append(asked)
    return said


@pytest.mark.parametrize(("name", "words"), [("custom", "Open Custom tool"), ("files", "Open files")])
def test_the_button_of_a_tool_says_what_it_does(browse, ada, notebook, name, words):
    notebook.tools = [{"name": name, "port": 8000, "kind": "custom", "path": "/"}]
    notebook.save(update_fields=["tools"])
    page = browse(ada).get(f"/workloads/{notebook.pk}/").content.decode()
    assert re.search(rf'href="/workloads/{notebook.pk}/connect/{name}"[^>]*><svg.*?</svg>{words}', page, re.S)


def test_ada_is_led_to_the_tools_own_host_with_a_ticket(browse, ada, notebook, answers):
    response = browse(ada).get(f"/workloads/{notebook.pk}/connect/jupyter")
    to = urlsplit(response["location"])
    assert (response.status_code, to.netloc) == (302, f"w{notebook.pk}-jupyter.localhost:8000")
    asked = parse_qs(to.query)
    assert asked["to"][0].startswith("/lab")
    assert asked["ticket"]
    assert response["Cache-Control"] == "no-store"
    assert (Visit.objects.get().by, Visit.objects.get().tool) == (ada, "jupyter")
    assert answers[1] == [f"/api/v1/namespaces/red/pods/{notebook.pods.get().name}:8888/proxy/lab"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (ApiError(503, "ServiceUnavailable", "dial tcp"), "Nothing listens on port 8888"),
        (ApiError(403, "Forbidden", 'cannot get resource "pods/proxy"'), "refuses Runyard"),
        (Unreachable("The cluster does not answer: refused"), "The cluster does not answer"),
        (Silent("The cluster does not answer: timed out"), "It said nothing for 3 seconds"),
    ],
)
def test_while_it_does_not_answer_the_page_says_so_and_asks_again(
    browse, ada, notebook, answers, said, words
):
    answers[0] = said
    response = browse(ada).get(f"/workloads/{notebook.pk}/connect/jupyter")
    assert (response.status_code, response["Refresh"]) == (200, "2")
    assert words in response.text
    assert not Visit.objects.exists()


def test_a_tool_that_refuses_does_answer(browse, ada, notebook, answers):
    answers[0] = ApiError(403, "", "HTTP 403 without a Kubernetes Status")
    assert browse(ada).get(f"/workloads/{notebook.pk}/connect/jupyter").status_code == 302


def test_a_page_of_another_site_may_lead_to_the_door_but_not_through_it(browse, ada, notebook, answers):
    client = browse(ada)
    response = client.get(
        f"/workloads/{notebook.pk}/connect/jupyter", headers={"sec-fetch-site": "cross-site"}
    )
    assert "Open Jupyter" in response.text
    assert not Visit.objects.exists()


def test_a_viewer_is_told_whom_to_ask(browse, vi, notebook, answers):
    response = browse(vi).get(f"/workloads/{notebook.pk}/connect/jupyter")
    assert response.status_code == 409
    assert "You lack the right to connect workloads" in response.text
    assert not Visit.objects.exists()


@pytest.mark.parametrize(
    ("phase", "words"), [("Stopped", "run it first"), ("Failed", "It has failed"), ("Completed", "completed")]
)
def test_what_does_not_run_has_no_open_door(browse, ada, notebook, answers, phase, words):
    Workload.objects.filter(pk=notebook.pk).update(phase=phase)
    response = browse(ada).get(f"/workloads/{notebook.pk}/connect/jupyter")
    assert response.status_code == 409
    assert words in response.text


def test_what_waits_for_a_node_is_waited_for(browse, ada, notebook, answers):
    notebook.pods.all().delete()
    Workload.objects.filter(pk=notebook.pk).update(phase="Pending")
    response = browse(ada).get(f"/workloads/{notebook.pk}/connect/jupyter")
    assert response["Refresh"] == "2"
    assert "no running pod" in response.text


def test_without_a_domain_the_page_says_what_to_set(browse, ada, notebook, answers, settings):
    settings.TOOLS_DOMAIN = ""
    assert "RUNYARD_TOOLS_DOMAIN" in browse(ada).get(f"/workloads/{notebook.pk}/connect/jupyter").text


def test_there_is_no_tool_that_is_not_declared(browse, ada, notebook):
    assert browse(ada).get(f"/workloads/{notebook.pk}/connect/other").status_code == 404


@pytest.mark.django_db(transaction=True)  # each is asked in a thread of its own
def test_the_workload_says_how_each_tool_was_found(browse, ada, notebook, answers):
    page = f"/workloads/{notebook.pk}/"
    assert "starting" in browse(ada).get(page).text
    assert probing.probe() == 1
    assert Workload.objects.get(pk=notebook.pk).tool_states["jupyter"]["state"] == "ready"
    answers[0] = Unreachable("gone")
    probing.probe()
    assert "not answering since" in browse(ada).get(page).text
    Workload.objects.filter(pk=notebook.pk).update(phase="Stopped")
    probing.probe()
    assert Workload.objects.get(pk=notebook.pk).tool_states == {}


def test_a_new_pod_is_starting_whatever_the_old_one_was_found_to_be(notebook, answers):
    [tool] = load(notebook.tools)
    assert probing.look(notebook, tool).state == "ready"
    answers[0] = ApiError(503, "ServiceUnavailable", "dial tcp")
    assert probing.look(notebook, tool).state == "silent"
    notebook.pods.update(uid="made-anew")
    assert probing.look(notebook, tool).state == "starting"


@pytest.mark.django_db(transaction=True)
def test_looking_again_writes_nothing_new(notebook, answers):
    probing.probe()
    before = Workload.objects.values("version", "tool_states").get(pk=notebook.pk)
    probing.probe()
    assert Workload.objects.values("version", "tool_states").get(pk=notebook.pk) == before


def test_a_workload_that_is_deleted_while_its_tool_is_asked_keeps_nothing(notebook, answers):
    Workload.objects.filter(pk=notebook.pk).delete()
    assert "no running pod" in probing.look(notebook, load(notebook.tools)[0]).words


def test_eve_finds_neither_door_nor_tool(browse, eve, notebook, answers):
    assert browse(eve).get(f"/workloads/{notebook.pk}/connect/jupyter").status_code == 404
    assert answers[1] == []
    assert not Visit.objects.exists()
