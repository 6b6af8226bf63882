"""History and manifests by the REST API: what the pages show, for programs; Eve gets none of it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from runyard.clusters.connection import Unreachable
from tests.answers import content
from tests.make import make_event
from workloads.models import PhaseChange, Workload

AT = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)


@pytest.fixture
def url(ada_training):
    return f"/api/v1/workloads/{ada_training.pk}"


def test_an_event_and_a_phase_as_they_are_shown(browse, ada, ada_training, url):
    make_event(ada_training, reason="BackOff", type="Warning", message="no luck", count=3, at=AT)
    PhaseChange.objects.create(workload=ada_training, phase="Running", at=AT - timedelta(seconds=1))
    event, phase = browse(ada).get(f"{url}/events").json()["events"]
    assert event == {
        "id": event["id"],
        "type": "warning",
        "at": "2026-01-02T03:04:05.600000Z",
        "title": "BackOff",
        "words": "It failed before; the next try waits.",
        "message": "no luck",
        "source": "kubelet",
        "regarding": {"kind": "Pod", "name": "redwood-sft-0"},
        "count": 3,
        "first_at": "2026-01-02T03:04:05Z",
        "last_at": "2026-01-02T03:04:05Z",
    }
    assert (phase["type"], phase["title"], phase["regarding"]) == ("phase", "Running", None)


def test_pages_follow_each_other_by_their_cursor_and_filters_stay(browse, ada, ada_training, url):
    for number in range(5):
        make_event(ada_training, reason=f"R{number}", at=AT + timedelta(seconds=number))
        make_event(ada_training, reason="Other", type="Warning", at=AT)
    found, after = [], ""
    while after is not None:
        answer = browse(ada).get(f"{url}/events?type=normal&limit=2&after={after}").json()
        found += [event["title"] for event in answer["events"]]
        after = answer["next"]
    assert found == ["R4", "R3", "R2", "R1", "R0"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit is a whole number from 1 to 500."),
        ("limit=1e9", "limit is a whole number from 1 to 500."),
        ("type=x", "There is no type “x”"),
        ("pod=eves", "This workload has had no pod “eves”."),
        ("after=1", "This link to a page of the history is not valid any more."),
        ("ordering=by__password", "Unknown parameter 'ordering'; there are q, type, source"),
    ],
)
def test_what_there_is_not_is_refused_in_words(browse, ada, url, query, words):
    answer = browse(ada).get(f"{url}/events?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_all_of_it_as_a_file(browse, ada, ada_training, url):
    for number in range(60):
        make_event(ada_training, reason=f"R{number}", at=AT + timedelta(seconds=number))
    answer = browse(ada).get(f"{url}/events?type=normal", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(content(answer).decode())))
    assert [rows[0]["What"], rows[-1]["What"], rows[-1]["Row count"]] == ["R59", "R0", "60"]
    refused = browse(ada).get(f"{url}/events?limit=5", headers={"accept": "text/csv"})
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")


@pytest.fixture
def live(monkeypatch, ada_training):
    """What the cluster has of the training; tests put an error in its place."""
    manifest = {"kind": "Job", "spec": {"suspend": False}}
    Workload.objects.filter(pk=ada_training.pk).update(manifest=manifest)
    found = {"metadata": {"uid": ada_training.uid}, "spec": {"suspend": True, "env": [TOKEN]}, "kind": "Job"}
    answers = [found]

    class Cluster:
        def read(self, *_, **__):
            if isinstance(answers[0], Exception):
                raise answers[0]
            return json.dumps(answers[0]).encode()

    monkeypatch.setattr("workloads.shown_manifests.connect", lambda cluster: Cluster())
    return answers


TOKEN = {"name": "TOKEN", "value": "canary-secret"}


def test_the_manifests_are_texts_without_secrets(browse, ada, url, live):
    client = browse(ada)
    submitted = client.get(f"{url}/yaml?of=submitted", headers={"accept": "application/yaml"})
    assert submitted["Content-Type"] == "application/yaml; charset=utf-8"
    assert submitted.content == b"kind: Job\nspec:\n  suspend: false\n"
    shown = client.get(f"{url}/yaml").content.decode()
    assert "suspend: true" in shown
    assert "canary" not in shown
    difference = client.get(f"{url}/yaml?of=difference").content.decode()
    assert "-  suspend: false\n" in difference
    assert "+  suspend: true\n" in difference
    assert "canary" not in difference


def test_a_manifest_that_cannot_be_had_says_why(browse, ada, ada_training, url, live):
    client = browse(ada)
    assert client.get(f"{url}/yaml?of=x").status_code == 400
    live[0] = Unreachable("The cluster does not answer.")
    away = client.get(f"{url}/yaml")
    assert (away.status_code, away.json()["code"]) == (502, "ClusterError")
    live[0] = {"metadata": {"uid": "another"}}
    gone = client.get(f"{url}/yaml")
    assert (gone.status_code, gone.json()["message"]) == (404, "The cluster has it no more.")
    Workload.objects.filter(pk=ada_training.pk).update(manifest={})
    assert client.get(f"{url}/yaml?of=submitted").status_code == 404


@pytest.mark.parametrize("of", ["events", "events?type=phase", "pods", "yaml", "yaml?of=submitted"])
def test_eve_is_told_the_same_of_what_is_not_hers_and_what_is_not_there(browse, eve, url, live, of):
    client = browse(eve)
    theirs, absent = client.get(f"{url}/{of}"), client.get(f"/api/v1/workloads/999999999/{of}")
    assert (theirs.status_code, absent.status_code) == (404, 404)
    assert theirs.content == absent.content


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("of=mine", "of is one of live, submitted, difference."),
        ("managed=perhaps", "managed is true or false."),
        ("format=json", "Unknown parameter 'format'; there are of, managed."),
    ],
)
def test_of_a_manifest_likewise(browse, ada, url, query, words):
    answer = browse(ada).get(f"{url}/yaml?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["message"]
