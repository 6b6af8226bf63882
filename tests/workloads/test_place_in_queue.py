"""How many are before a workload in Kueue's queue: as Kueue's visibility API says, and never guessed."""

import json

import pytest

from runyard.clusters.connection import ApiError, Unreachable
from tests.make import make_workload
from workloads.queueing import place as place_module

PATH = "/apis/visibility.kueue.x-k8s.io/{}/namespaces/red/localqueues/team-a/pendingworkloads"


class Visibility:
    """Answers with `body`, or raises it, on the paths of the version it serves."""

    def __init__(self, body, version="v1beta2"):
        self.body, self.version, self.asked = body, version, []

    def read(self, method, path, params=None, read_seconds=30):
        self.asked.append(path)
        if f"/{self.version}/" not in path:
            raise ApiError(404, "NotFound", "no")
        if isinstance(self.body, Exception):
            raise self.body
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def waiting(name, before, near):
    return {
        "metadata": {"name": name}, "priority": 0, "localQueueName": "team-a",
        "positionInClusterQueue": before, "positionInLocalQueue": near,
    }  # fmt: skip


@pytest.fixture
def queued(red, cluster, ada):
    sum_ = {"queue": "team-a", "name": "job-x", "uid": "claim", "active": True}
    sum_["says"] = [{"by": "Kueue", "reason": "Pending", "message": "no quota", "at": ""}]
    return make_workload(red, cluster, created_by=ada, phase="Pending", suspended=True, queueing=sum_)


@pytest.fixture
def ask(monkeypatch, browse, queued):
    """`ask(api, person)`: what the page is told."""

    def asked(api, person, **fields):
        monkeypatch.setattr(place_module, "connect", lambda cluster: api)
        if fields:
            type(queued).objects.filter(pk=queued.pk).update(**fields)
        answer = browse(person).get(f"/workloads/{queued.pk}/place")
        assert answer.status_code == 200
        return answer.content.decode().strip()

    return asked


@pytest.mark.parametrize(
    ("before", "near", "words"),
    [
        (0, 0, "It is the first in its cluster queue."),
        (1, 0, "1 workload is before it in its cluster queue."),
        (12, 3, "12 workloads are before it in its cluster queue, 3 of them in queue team-a."),
        (12, None, "12 workloads are before it in its cluster queue."),
        (None, None, ""),
    ],
)
def test_it_says_how_many_are_before_it(ask, ada, before, near, words):
    assert ask(Visibility({"items": [waiting("other", 5, 1), waiting("job-x", before, near)]}), ada) == words


def test_an_older_kueue_is_asked_in_its_own_version(ask, ada):
    api = Visibility({"items": [waiting("job-x", 0, 0)]}, "v1beta1")
    assert ask(api, ada) == "It is the first in its cluster queue."
    assert api.asked == [PATH.format("v1beta2"), PATH.format("v1beta1")]


@pytest.mark.parametrize(
    "body",
    [
        ApiError(404, "NotFound", "no"), ApiError(403, "Forbidden", "no"), ApiError(503, "", "no"),
        Unreachable("no"), b"<html>", {}, {"items": None}, {"items": [{"metadata": None}]},
        {"items": [waiting("other", 1, 1)]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_known_is_not_said(ask, ada, body):
    assert ask(Visibility(body), ada) == ""


@pytest.mark.parametrize("queue", ["../../../secrets", "a/b", "a?b", "", "A b"])
def test_a_name_that_is_none_is_asked_for_nowhere(ask, ada, queue):
    api = Visibility({"items": [waiting("job-x", 0, 0)]})
    assert ask(api, ada, queueing={"queue": queue, "name": "job-x", "active": True}) == ""
    assert api.asked == []


@pytest.mark.parametrize(
    "fields", [{"phase": "Running"}, {"queueing": {}}, {"queueing": {"queue": "team-a"}}]
)
def test_what_kueue_does_not_hold_has_no_place(ask, ada, fields):
    api = Visibility({"items": [waiting("job-x", 0, 0)]})
    assert ask(api, ada, **fields) == ""
    assert api.asked == []


def test_eve_is_told_nothing_and_nobody_is_asked(queued, eve, browse, monkeypatch):
    monkeypatch.setattr(place_module, "connect", lambda cluster: pytest.fail("asked"))
    assert browse(eve).get(f"/workloads/{queued.pk}/place").status_code == 404


def test_the_overview_asks_for_it_while_it_waits_in_a_queue(queued, ada, browse):
    url = f"/workloads/{queued.pk}/"
    assert f'hx-get="{url}place"' in browse(ada).get(url).content.decode()
    type(queued).objects.update(phase="Running")
    assert f'hx-get="{url}place"' not in browse(ada).get(url).content.decode()
