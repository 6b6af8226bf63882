"""Stop, run and delete from pages: what is asked first, what is refused, what each person may do."""

import json

import pytest

from tests.make import make_workload
from workloads.models import Action, Workload


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """Which actions Celery would have been woken for."""
    found = []
    monkeypatch.setattr("workloads.tasks.wake_all", found.extend)
    return found


def post(client, verb, *workloads, htmx=False, **more):
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(
        "/workloads/bulk", {"verb": verb, "ids": [w.pk for w in workloads], **more}, headers=headers
    )


def asked(workload):
    return list(Action.objects.filter(workload=workload).values_list("verb", flat=True))


def test_deleting_asks_first_and_names_the_thing_and_what_is_lost(ada, ada_training, browse):
    response = post(browse(ada), "delete", ada_training)
    text = response.content.decode()
    assert response.status_code == 200
    assert "Delete redwood-sft?" in text
    assert "cannot be undone" in text
    assert asked(ada_training) == []


def test_a_confirmed_delete_is_asked_of_the_cluster(ada, ada_training, browse):
    response = post(browse(ada), "delete", ada_training, losing=[ada_training.pk], word="")
    assert response.status_code == 302
    assert asked(ada_training) == ["delete"]


def test_a_confirmation_of_one_thing_is_none_of_another(ada, red, cluster, ada_training, browse):
    other = make_workload(red, cluster, name="other")
    response = post(browse(ada), "delete", ada_training, other, losing=[other.pk])
    assert "Delete 2 workloads?" in response.content.decode()
    assert asked(other) == []


def test_stopping_what_runs_asks_first_stopping_what_waits_does_not(ada, red, cluster, ada_training, browse):
    waiting = make_workload(red, cluster, name="waiting", phase="Pending")
    assert "starts from its beginning" in post(browse(ada), "stop", ada_training).content.decode()
    assert post(browse(ada), "stop", waiting).status_code == 302
    assert (asked(ada_training), asked(waiting)) == ([], ["stop"])


def test_many_at_once_say_what_is_skipped_and_why(ada, red, cluster, ada_training, browse):
    stopped = make_workload(red, cluster, name="asleep", phase="Stopped", desired="Stopped")
    text = post(browse(ada), "stop", ada_training, stopped).content.decode()
    assert "1 workload will be skipped" in text
    assert "1 already stopped" in text
    assert "asleep" in text


def test_more_than_twenty_are_deleted_only_when_the_word_is_typed(ada, red, cluster, browse):
    many = [make_workload(red, cluster, name=f"w-{n}", phase="Failed") for n in range(21)]
    losing = [w.pk for w in many]
    client = browse(ada)
    assert "type delete to go on" in post(client, "delete", *many, losing=losing, word="").content.decode()
    assert Action.objects.count() == 0
    post(client, "delete", *many, losing=losing, word="Delete")
    assert Action.objects.count() == 21


def test_scripts_get_a_toast_with_undo_and_the_rows_to_fetch(ada, ada_training, browse):
    response = post(browse(ada), "stop", ada_training, htmx=True, losing=[ada_training.pk])
    text = response.content.decode()
    assert "Stopping redwood-sft." in text
    assert 'value="run"' in text
    assert json.loads(response["HX-Trigger"])["workloads-changed"]["ids"] == [ada_training.pk]
    assert "<html" not in text


def test_undo_of_many_asks_only_where_something_would_be_lost(ada, red, cluster, browse):
    many = [make_workload(red, cluster, phase="Running") for _ in range(21)]
    client = browse(ada)
    ids = ",".join(str(row.pk) for row in many)
    text = post(client, "stop", *many, htmx=True, losing=[row.pk for row in many]).content.decode()
    assert f'name="ids" value="{ids}"' in text
    assert 'name="losing" value=""' in text
    Workload.objects.update(phase="Stopped")
    text = post(client, "run", *many, htmx=True, losing="").content.decode()
    assert "Running again: 21 workloads." in text
    Workload.objects.update(phase="Running")
    assert "Stop 21 workloads?" in post(client, "stop", *many, htmx=True, losing="").content.decode()


def test_scripts_get_the_question_into_the_dialog(ada, ada_training, browse):
    response = post(browse(ada), "delete", ada_training, htmx=True)
    assert response["HX-Retarget"] == "#dialog"
    assert "<html" not in response.content.decode()


def test_eve_and_a_viewer_change_nothing(eve, vi, bo, ada_training, browse):
    confirmed = {"losing": [ada_training.pk]}
    assert (
        "there any more" in post(browse(eve), "delete", ada_training, htmx=True, **confirmed).content.decode()
    )
    refused = post(browse(vi), "delete", ada_training, htmx=True, **confirmed).content.decode()
    assert "You lack the right to delete workloads in project red. Ask Bo Tran." in refused
    assert asked(ada_training) == []
    assert Workload.objects.get(pk=ada_training.pk).desired == "Running"


@pytest.mark.parametrize(
    ("verb", "ids", "words"),
    [
        ("explode", ["1"], "Choose stop, run or delete."),
        ("stop", [], "Select at least one"),
        ("stop", ["x"], "whole number"),
        ("stop", ["9" * 30], "whole number"),
        ("stop", [",".join(["1"] * 10_001)], "At most 10,000"),
        ("stop", ["999999999"], "there any more"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_in_words(ada, cluster, browse, verb, ids, words):
    response = browse(ada).post("/workloads/bulk", {"verb": verb, "ids": ids}, headers={"HX-Request": "true"})
    assert response.status_code == 400
    assert words in response.content.decode()


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"]
)
def test_going_on_never_leads_elsewhere(ada, red, cluster, browse, target):
    waiting = make_workload(red, cluster, phase="Pending")
    assert post(browse(ada), "stop", waiting, next=target)["Location"] == "/workloads/"


def test_a_post_without_the_token_of_the_session_is_refused(ada, ada_training):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    response = post(client, "stop", ada_training, losing=[ada_training.pk])
    assert response.status_code == 403
    assert "too old" in response.content.decode()
    assert asked(ada_training) == []
