"""The page of one workload: its tabs, its history, its log; absent and forbidden look alike."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runyard.clusters.connection import ApiError, Unreachable
from tests.make import make_pod
from workloads import log_text, logs
from workloads.models import PhaseChange, Workload

TABS = ("", "events", "pods", "logs", "logs?part=log")


@pytest.fixture(autouse=True)
def log(monkeypatch):
    """What the cluster says when asked for a log; tests put lines or an error into it."""
    said = logs.LogPage()
    monkeypatch.setattr("workloads.logs.tail", lambda *args, **options: said)
    return said


def text(response):
    return response.content.decode()


@pytest.mark.parametrize("tab", TABS)
def test_eve_gets_the_same_404_for_absent_and_forbidden_on_every_tab(eve, ada_training, browse, tab):
    client = browse(eve)
    forbidden = client.get(f"/workloads/{ada_training.pk}/{tab}")
    absent = client.get(f"/workloads/999999999/{tab}")
    assert (forbidden.status_code, absent.status_code) == (404, 404)
    assert forbidden.content == absent.content


@pytest.mark.parametrize("tab", TABS)
def test_an_id_beyond_the_database_is_a_404(ada, ada_training, browse, tab):
    assert browse(ada).get(f"/workloads/{'9' * 30}/{tab}").status_code == 404


def test_ada_sees_what_runs_and_where_the_time_went(ada, ada_training, browse):
    now = timezone.now()
    for minutes, phase in ((60, "Creating"), (50, "Pending"), (30, "Running")):
        PhaseChange.objects.create(workload=ada_training, phase=phase, at=now - timedelta(minutes=minutes))
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/"))
    assert "registry.example/torch:2.6" in page
    assert page.count("<rect id=") == 2  # queued: created and pending
    assert "30 m" in page


def test_actions_are_grey_with_the_reason(vi, bo, ada_training, browse):
    page = text(browse(vi).get(f"/workloads/{ada_training.pk}/"))
    assert (
        'aria-disabled="true" title="You lack the right to stop workloads in project red. Ask Bo Tran."'
        in page
    )
    assert 'name="verb"' not in page


def test_a_deleted_workload_still_opens_and_says_so(ada, ada_training, browse):
    Workload.objects.filter(pk=ada_training.pk).update(
        deleted_at=timezone.now(), phase="Deleting", desired="Deleted"
    )
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/"))
    assert "It is on its cluster no more" in page
    assert 'name="verb"' not in page


def test_the_log_page_shows_the_last_lines_plain_and_where_to_go_on(ada, ada_training, browse, log):
    log.first, log.lines = (
        100,
        [("2026-01-02T03:04:05.1Z", "\x1b[31mred\x1b[0m <img onerror=x>"), ("", "plain")],
    )
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/logs"))
    pod = ada_training.pods.get()
    assert f'data-topic="log:{pod.pk}/main"' in page
    assert 'data-total="102"' in page
    assert ">red &lt;img onerror=x&gt;</li>" in page
    assert 'id="L101"' in page


def test_a_log_that_cannot_be_had_says_why(ada, ada_training, browse, log):
    log.error = "The cluster has forgotten this pod, and its log with it."
    assert log.error in text(browse(ada).get(f"/workloads/{ada_training.pk}/logs"))


def test_without_a_pod_the_log_says_that_it_will_come(ada, ada_training, browse):
    ada_training.pods.all().delete()
    assert "There is no pod yet" in text(browse(ada).get(f"/workloads/{ada_training.pk}/logs"))


@pytest.mark.parametrize("query", ["pod=999999999", "pod=x", "container=sidecar", "container=%00"])
def test_a_pod_or_container_that_is_not_the_workload_s_is_a_404(
    ada, ada_training, eve_training, browse, query
):
    make_pod(eve_training)
    assert browse(ada).get(f"/workloads/{ada_training.pk}/logs?{query}").status_code == 404


def test_another_workload_s_pod_is_no_way_around_the_gate(ada, ada_training, eve_training, browse):
    theirs = make_pod(eve_training)
    for tab in ("logs", "logs/download"):
        assert browse(ada).get(f"/workloads/{ada_training.pk}/{tab}?pod={theirs.pk}").status_code == 404


def downloaded(response):
    """The body of a streamed answer, as the server would send it."""
    return b"".join(response)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_download_streams_the_bytes_under_a_safe_name(ada, ada_training, browse, monkeypatch):
    monkeypatch.setattr(
        "workloads.keeping.upstream.LogStream", lambda *args, **options: [b"T1 one\n", b"T2 \xfftwo\n"]
    )
    response = browse(ada).get(f"/workloads/{ada_training.pk}/logs/download")
    assert downloaded(response) == b"one\n\xfftwo\n"
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="redwood-sft-')


def test_a_download_that_cannot_begin_says_why(ada, ada_training, browse, monkeypatch):
    def broken(*args, **options):
        raise ApiError(404, "NotFound", "pods not found")

    monkeypatch.setattr("workloads.keeping.upstream.LogStream", broken)
    response = browse(ada).get(f"/workloads/{ada_training.pk}/logs/download")
    assert response.status_code == 409
    assert "forgotten this pod" in text(response)


def test_a_download_of_what_has_not_started_says_so_and_is_no_empty_file(
    ada, ada_training, browse, monkeypatch
):
    pod = ada_training.pods.get()
    pod.containers = [{"name": "main", "state": "waiting", "reason": "ImagePullBackOff"}]
    pod.save()
    monkeypatch.setattr("workloads.keeping.upstream.LogStream", lambda *args, **options: [])
    response = browse(ada).get(f"/workloads/{ada_training.pk}/logs/download")
    assert (response.status_code, "Content-Disposition" in response) == (409, False)
    assert "The container has not started yet (ImagePullBackOff)." in text(response)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_download_that_breaks_off_says_so_at_its_end(ada, ada_training, browse, monkeypatch):
    def breaking(*args, **options):
        yield b"T1 one\n"
        raise Unreachable("The log stream broke off.")

    monkeypatch.setattr("workloads.keeping.upstream.LogStream", breaking)
    response = browse(ada).get(f"/workloads/{ada_training.pk}/logs/download")
    assert b"the log breaks off here" in downloaded(response)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31merror\x1b[0m", "error"),
        ("\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07", "link"),
        ("\x1b]52;c;c2VjcmV0\x1b\\after", "after"),
        ("10%\r50%\r100%", "100%"),
        ("line\r", "line"),
        ("a\x00b\x08c\x7fd\x9be", "abcde"),
        ("tab\tstays", "tab\tstays"),
        ("\x1bPhidden\x1b\\shown", "shown"),
        ("\x1b", ""),
        ("grant \u202eoot\u2069", "grant <U+202E>oot<U+2069>"),
    ],
)
def test_escapes_are_made_harmless(raw, shown):
    assert log_text.shown(raw) == shown
