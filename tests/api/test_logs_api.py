"""Logs by the REST API: by line, by time, as they are written; and what is no request for one."""

import json
import threading

import pytest
from django.utils import timezone

from tests.live.test_feeds import WAIT, Script, line
from tests.make import make_pod
from workloads import log_feeds
from workloads.keeping import claims, writing
from workloads.keeping.models import KeptLog
from workloads.keeping.store import LocalStore, Store

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Where logs are kept."""
    found = Store(LocalStore(tmp_path / "kept", mkdir=True))
    monkeypatch.setattr("workloads.keeping.chunks.store", lambda: found)
    return found


@pytest.fixture
def kept(ada_training, here):
    """A pod that is gone, of a workload that is deleted, with 50 kept lines, one a second."""
    pod = ada_training.pods.get()
    keep(pod, here, b"".join(line(second, f"line {second}") for second in range(50)))
    pod.gone_at = ada_training.deleted_at = timezone.now()
    pod.save()
    ada_training.save()
    return pod


def keep(pod, store, text, complete=True):
    row, _ = KeptLog.objects.get_or_create(pod=pod, container="main", instance=0)
    writer = writing.Writer(claims.take(row, "test"), store)
    writer.add(text)
    writer.finish() if complete else writer.flush()


@pytest.fixture
def ask(ada, ada_training, browse):
    """`ask("from=3")`: status and the objects, or with `text=True` the text."""

    def asked(query="", text=False):
        accept = {"HTTP_ACCEPT": "text/plain"} if text else {}
        response = browse(ada).get(f"/api/v1/workloads/{ada_training.pk}/logs?{query}", **accept)
        body = b"".join(response) if response.streaming else response.content
        if response.status_code != 200:
            return response.status_code, json.loads(body)
        return 200, body.decode() if text else [json.loads(one) for one in body.splitlines()]

    return asked


def test_the_whole_log_with_numbers_and_times(kept, ask):
    status, lines = ask()
    assert (status, len(lines)) == (200, 50)
    assert lines[7] == {"line": 7, "time": "2026-01-02T03:04:07Z", "text": "line 7"}


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("from=10&count=3", [10, 11, 12]),
        ("from=48", [48, 49]),
        ("from=50", []),
        ("from=9007199254740991", []),
        ("count=0", []),
        ("since=2026-01-02T03:04:40Z&until=2026-01-02T03:04:42Z", [40, 41]),
        ("since=2026-01-02T04:04:48%2B01:00", [48, 49]),
        ("until=2026-01-02T03:04:02", [0, 1]),
        ("since=2999-01-01T00:00:00Z", []),
    ],
)
def test_a_range(kept, ask, query, numbers):
    assert ask(query) == (200, [dict(one) for one in ask()[1] if one["line"] in numbers])


def test_as_text(kept, ask):
    assert ask("from=48", text=True) == (200, "line 48\nline 49\n")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=-1", "from is a whole number"),
        ("from=x", "from is a whole number"),
        (f"count={'9' * 30}", "count is a whole number"),
        ("since=yesterday", "since is a time"),
        ("from=1&since=2026-01-02T03:04:40Z", "not both"),
        ("follow=true&count=3", "follow has no end"),
        ("follow=perhaps", "follow is true or false"),
        ("container=other", "container is one of main"),
        ("tail=3", "Unknown parameter 'tail'; there are pod, container, previous, from"),
        ("pod=0", "pod is a whole number from 1"),
        ("container=%00", "container is one of main"),
    ],
)
def test_bad_input_is_told_what_to_do(kept, ask, query, said):
    status, body = ask(query)
    assert (status, body["code"]) == (400, "invalid")
    assert said in body["message"]


def test_a_pod_of_another_workload_is_not_there(kept, ask, eve_training):
    assert ask(f"pod={make_pod(eve_training).pk}")[0] == 404


def test_a_log_that_neither_cluster_nor_store_has_is_not_found(ada_training, ask, here):
    ada_training.pods.update(gone_at=timezone.now())
    status, body = ask()
    assert (status, "nothing of its log was kept" in body["message"]) == (404, True)


def test_eve_sees_no_line(kept, eve, browse):
    response = browse(eve).get(f"/api/v1/workloads/{kept.workload_id}/logs")
    assert (response.status_code, b"line" in response.content) == (404, False)


def test_follow_of_what_is_over_ends_after_its_last_line(kept, ask, monkeypatch):
    monkeypatch.setattr(log_feeds, "_feeds", {})
    status, said = ask("follow=true&since=2026-01-02T03:04:48Z")
    assert (status, [one.get("line") for one in said]) == (200, [48, 49, None])
    assert said[-1] == {"end": True, "why": "The container has ended."}


def test_follow_begins_with_what_is_kept_and_goes_on_to_the_end(ada_training, here, ask, monkeypatch):
    pod = ada_training.pods.get()
    keep(pod, here, line(1, "one") + line(2, "two"), complete=False)
    played = Script([line(2, "two"), line(3, "three"), WAIT])
    monkeypatch.setattr(log_feeds.logs, "follow", played.follow)
    monkeypatch.setattr(log_feeds, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(log_feeds, "_feeds", {})
    threading.Timer(0.5, played.go_on.set).start()
    status, said = ask("follow=true")
    assert status == 200
    assert [(one["line"], one["text"]) for one in said if "line" in one] == [
        (0, "one"),
        (1, "two"),
        (2, "three"),
    ]
    assert said[-1]["end"]
