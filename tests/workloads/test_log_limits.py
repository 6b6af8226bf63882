"""A project's own limits of its kept logs: who sets them, what is asked first, what is let go of then."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.make import make_pod, make_workload
from workloads import log_limits
from workloads.keeping import retention
from workloads.keeping.models import KeptChunk, KeptLog, LogLimits

GIB = 2**30
PAGE, API = "/projects/red/settings", "/api/v1/projects/red/log-limits"


class NoStore:
    """Remembers what was deleted of it."""

    def __init__(self):
        self.deleted = []

    def delete(self, *keys):
        self.deleted += keys

    def logs(self):
        return []


@pytest.fixture(autouse=True)
def store(monkeypatch):
    found = NoStore()
    monkeypatch.setattr("workloads.keeping.retention.store", lambda: found)
    return found


def keep(workload, *days_ago):
    """A log of a pod with a chunk of 1 GiB for each of these ages."""
    pod = make_pod(workload)
    log = KeptLog.objects.create(pod=pod, container="main", complete=True, lines=len(days_ago))
    for number, days in enumerate(days_ago):
        facts = {"last_at": timezone.now() - timedelta(days=days), "key": f"{workload.name}/{days}"}
        KeptChunk.objects.create(log=log, first_line=number, lines=1, bytes=1, stored_bytes=GIB, **facts)


@pytest.fixture
def kept(ada_training, green, cluster, ada):
    """Red has lines of 20, 9 and 2 days ago, green of 20 days ago."""
    keep(ada_training, 20, 9)
    keep(ada_training, 2)
    keep(make_workload(green, cluster, name="greens", created_by=ada), 20)


def left():
    return sorted(KeptChunk.objects.values_list("key", flat=True))


def text(response):
    return response.content.decode()


def test_retention_keeps_to_a_project_s_own_days_and_to_the_default_elsewhere(kept, red, store):
    LogLimits.objects.create(project=red, days=7)
    retention.forget_logs()
    assert left() == ["greens/20", "redwood-sft/2"]
    assert sorted(store.deleted) == ["redwood-sft/20", "redwood-sft/9"]


def test_a_limit_that_is_wider_than_the_installation_s_by_now_counts_for_no_more(kept, red, green, settings):
    LogLimits.objects.create(project=green, days=30)
    LogLimits.objects.create(project=red, bytes=50 * GIB)
    settings.LOG_DAYS, settings.LOG_PROJECT_BYTES = 15, GIB
    retention.forget_logs()
    assert left() == ["redwood-sft/2"]
    assert log_limits.limits_of(green).days == 15
    assert log_limits.limits_of(red).bytes == GIB


def test_retention_keeps_to_a_project_s_own_size(kept, red, settings):
    LogLimits.objects.create(project=red, bytes=2 * GIB)
    retention.forget_logs()
    assert left() == ["greens/20", "redwood-sft/2", "redwood-sft/9"]
    settings.LOG_PROJECT_BYTES = GIB
    retention.forget_logs()
    assert left() == ["greens/20", "redwood-sft/2"]


@pytest.mark.parametrize("who", ["bo", "cy", "dee"])
def test_administrator_head_and_system_administrator_set_limits(who, request, browse, red):
    client = browse(request.getfixturevalue(who))
    response = client.post(PAGE, {"days": "14", "gib": "20.5"})
    assert (response.status_code, response["Location"]) == (302, PAGE)
    own = LogLimits.objects.get(project=red)
    assert (own.days, own.bytes, own.by.username) == (14, 20.5 * GIB, who)
    page = text(client.get(PAGE))
    assert 'value="14"' in page
    assert 'value="20.5"' in page
    assert f"Changed by {own.by.label}" in page


@pytest.mark.parametrize("who", ["ada", "vi"])
def test_others_of_the_project_read_them_and_learn_whom_to_ask(who, request, bo, browse, red):
    client = browse(request.getfixturevalue(who))
    page = text(client.get(PAGE))
    assert "You lack the right to configure projects in project red. Ask Bo Tran." in page
    assert "disabled" in page
    assert client.post(PAGE, {"days": "1", "gib": ""}).status_code == 403
    assert client.put(API, {"days": 1, "bytes": None}, content_type="application/json").status_code == 403
    assert not LogLimits.objects.exists()


def test_the_default_is_shown_and_an_empty_field_goes_back_to_it(bo, browse, red, settings):
    LogLimits.objects.create(project=red, days=14)
    client = browse(bo)
    assert "At most 30 days, which is also what counts where it is left empty." in text(client.get(PAGE))
    assert client.post(PAGE, {"days": "", "gib": "", "agreed": "1"}).status_code == 302
    assert not LogLimits.objects.exists()
    assert log_limits.limits_of(red).days == settings.LOG_DAYS


DAYS, SIZE = "days from 1 to 30, the most here", "From 0.1 to 100 GiB, the most here"


@pytest.mark.parametrize(
    ("days", "gib", "words"),
    [
        *((days, "", DAYS) for days in ("0", "-3", "1.5", "a week", "31", "9" * 30, "٣", "much\0")),
        *(
            ("", gib, SIZE)
            for gib in ("0", "-1", "NaN", "sNaN", "Infinity", "1e999999", "much\0", "0.01", "100.001")
        ),
    ],
)
def test_what_is_no_limit_is_said_at_the_field_and_stays_there(bo, browse, red, days, gib, words):
    response = browse(bo).post(PAGE, {"days": days, "gib": gib})
    assert response.status_code == 422
    assert response.content.count(b'aria-invalid="true" autofocus') == 1
    assert words in text(response)
    assert not LogLimits.objects.exists()


def test_a_limit_that_deletes_something_now_is_asked_about_first(kept, bo, browse, red):
    client = browse(bo)
    page = text(client.post(PAGE, {"days": "7", "gib": ""}))
    assert "Delete lines of 1 log?" in page
    assert "<b>2 GiB</b> of the 3 GiB" in page
    assert not LogLimits.objects.exists()
    assert client.post(PAGE, {"days": "7", "gib": "", "agreed": "1"}).status_code == 302
    assert LogLimits.objects.get().days == 7


def test_age_and_size_together_count_no_line_twice(kept, red):
    """20 days go by age; of the 2 GiB that stay one more goes by size."""
    lost = retention.lost_of(red.pk, timedelta(days=10), GIB)
    assert (lost.logs, lost.bytes) == (1, 2 * GIB)
    assert retention.lost_of(red.pk, timedelta(days=100), 100 * GIB) == retention.Share()


def test_a_limit_that_is_wider_asks_nothing(kept, bo, browse, red, settings):
    LogLimits.objects.create(project=red, days=5)  # more than that is there until the next run
    assert browse(bo).post(PAGE, {"days": "10", "gib": ""}).status_code == 302


def test_limits_by_api(kept, bo, ada, browse, red):
    client = browse(bo)
    shown = browse(ada).get(API).json()
    assert shown["in_force"] == {"days": 30, "bytes": 100 * GIB}
    assert shown["kept"] == {"logs": 2, "bytes": 3 * GIB}

    def put(**body):
        return client.put(API, body, content_type="application/json")

    refused = put(days=7, bytes=None)
    assert refused.status_code == 409
    assert '"delete": true' in refused.json()["message"]
    assert put(days=7, bytes=None, delete=True).json()["days"] == 7
    assert put(days=None, bytes=5 * GIB).json()["in_force"] == {"days": 30, "bytes": 5 * GIB}
    wrong = [
        {"days": 0, "bytes": None},
        {"days": "7", "bytes": None},
        {"days": 7},
        {"days": None, "bytes": 1},
        {"days": 31, "bytes": None},
        {"days": None, "bytes": 100 * GIB + 1},
    ]
    for body in (*wrong, {"days": 2**70, "bytes": None}):
        assert put(**body).status_code == 422


def test_the_log_says_how_long_it_is_kept_and_leads_to_the_limits(ada_training, ada, bo, browse, red):
    LogLimits.objects.create(project=red, days=14, bytes=5 * GIB)
    address = f"/workloads/{ada_training.pk}/logs"
    page = text(browse(bo).get(address))
    assert "Logs of red are kept 14 days, up to 5 GiB." in page
    assert f'<a class="link" href="{PAGE}">Change the limits</a>' in page
    assert "About the limits" in text(browse(ada).get(address))
