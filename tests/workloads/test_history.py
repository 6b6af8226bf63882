"""What happened to a workload, as one list: merged, ordered, filtered, paged; Eve reads none of it."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Func, IntegerField, Q
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runyard.kit.csv import COUNT
from runyard.kit.values import BadQuery
from tests.answers import content
from tests.make import make_event, make_pod
from workloads import history, history_search
from workloads.history_sources import NORMAL
from workloads.models import Action, PhaseChange, SpecChange
from workloads.status import Phase, Reason

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def seen(user, workload, query=""):
    wanted = history.read(QueryDict(query), user, workload)
    return history.page(user, workload, wanted).happenings


def titles(user, workload, query=""):
    return [one.title for one in seen(user, workload, query)]


def text(response):
    return content(response).decode()


def act(workload, verb="create", by=None, at=AT, **fields):
    defaults = {"state": "done", "created_at": at, "due_at": at}
    return Action.objects.create(workload=workload, verb=verb, by=by, **defaults | fields)


def enter(workload, phase, at=AT, **fields):
    return PhaseChange.objects.create(workload=workload, phase=phase, at=at, **fields)


def change(workload, field="image", before="torch:2", after="torch:3", at=AT, **fields):
    return SpecChange.objects.create(
        workload=workload, field=field, before=before, after=after, at=at, **fields
    )


@pytest.fixture
def eventful(ada_training, ada):
    """A workload with one entry of each type, a minute apart."""
    at = [timezone.now() - timedelta(minutes=minutes) for minutes in range(5)]
    make_event(ada_training, type="Warning", reason="BackOff", message="<b>crashed</b>", count=3, at=at[0])
    make_event(ada_training, reason="Pulled", message="image there", at=at[1])
    enter(ada_training, "Running", at[2])
    change(ada_training, at=at[3], manager="kubectl")
    act(ada_training, by=ada, at=at[4])
    return ada_training


def test_all_sources_are_merged_newest_first(ada, eventful):
    assert [one.type for one in seen(ada, eventful)] == ["warning", "normal", "phase", "change", "action"]


def test_what_is_told_of_each(ada, eventful):
    warning, _normal, phase, changed, action = seen(ada, eventful)
    assert (warning.title, warning.words, warning.count) == ("BackOff", "<b>crashed</b>", 3)
    assert warning.sentence == "It failed before; the next try waits."
    assert (phase.title, phase.mark, phase.source) == ("Running", "Running", "runyard")
    assert (changed.title, changed.words, changed.source) == ("Image changed", "torch:2 → torch:3", "kubectl")
    assert (action.title, action.words) == ("Submitted", "by Ada Lovell")


def test_a_phase_without_a_message_says_its_reason_in_words(ada, ada_training):
    enter(ada_training, Phase.PENDING, reason=Reason.UNSCHEDULABLE)
    enter(ada_training, Phase.FAILED, reason=Reason.EXIT_CODE, message="exit code 3")
    enter(ada_training, Phase.STOPPED, reason=Reason.SUSPENDED)
    words = {one.title: one.words for one in seen(ada, ada_training)}
    assert words == {"Pending": str(Reason.UNSCHEDULABLE.label), "Failed": "exit code 3", "Stopped": ""}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "failed", "error": "no such namespace"}, "by Ada Lovell, refused: no such namespace"),
        ({"state": "queued", "error": "timeout"}, "by Ada Lovell, trying again: timeout"),
        ({"state": "queued"}, "by Ada Lovell"),
        ({"state": "failed", "error": "no", "by": None}, "refused: no"),
        ({"by": None}, ""),
    ],
)
def test_an_action_says_who_asked_and_how_it_went(ada, ada_training, fields, words):
    act(ada_training, **{"by": ada, **fields})
    assert [one.words for one in seen(ada, ada_training)] == [words]


def test_within_a_second_what_was_asked_comes_before_what_the_cluster_said_and_the_phase_it_came_to(
    ada, ada_training
):
    half = timedelta(milliseconds=500)
    act(ada_training, by=ada, at=AT + half)
    enter(ada_training, "Creating", AT + half)
    enter(ada_training, "Pending", AT + half * 1.5)
    make_event(ada_training, reason="SuccessfulCreate", at=AT)
    make_event(ada_training, reason="Scheduled", at=AT)
    enter(ada_training, "Initializing", AT + half / 2)
    enter(ada_training, "Running", AT + half)
    story = ["Submitted", "Creating", "Pending", "SuccessfulCreate", "Scheduled", "Initializing", "Running"]
    assert titles(ada, ada_training) == story[::-1]


def test_our_own_moments_keep_their_order_and_seconds_go_before_places(ada, ada_training):
    enter(ada_training, "Running", AT)
    act(ada_training, "stop", at=AT + timedelta(seconds=1))
    enter(ada_training, "Stopping", AT + timedelta(seconds=1, microseconds=1))
    act(ada_training, "run", at=AT + timedelta(seconds=1, microseconds=2))
    enter(ada_training, "Resuming", AT + timedelta(seconds=1, microseconds=3))
    story = ["Running", "Stop asked for", "Stopping", "Run asked for", "Resuming"]
    assert titles(ada, ada_training) == story[::-1]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_follow_each_other_without_gap_or_repeat_whatever_shares_a_moment(ada, ada_training, size):
    for second in range(3):
        at = AT + timedelta(seconds=second)
        act(ada_training, at=at)
        change(ada_training, at=at)
        enter(ada_training, "Creating", at)
        enter(ada_training, "Running", at)
        for number in range(3):
            make_event(ada_training, reason=f"R{number}", at=at, type=("Normal", "Warning")[number % 2])
    whole = [one.key for one in seen(ada, ada_training)]
    keys, after = [], ""
    while True:
        wanted = history.read(QueryDict(f"after={after}"), ada, ada_training)
        page = history.page(ada, ada_training, wanted, size)
        keys += [one.key for one in page.happenings]
        if not (after := page.after):
            break
    assert keys == whole
    assert len(set(keys)) == 21


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=warning", ["BackOff"]),
        ("type=normal", ["Pulled"]),
        ("type=phase", ["Running"]),
        ("type=change", ["image"]),
        ("type=action", ["create"]),
        ("q=IMAGE+there", ["Pulled"]),
        ("q=next+try", ["BackOff"]),  # the sentence one reads, not only the reason
        ("q=torch:3", ["image"]),
        ("q=ada", ["create"]),
        ("q=submitted", ["create"]),
        ("q=%25", []),
        ("source=kubelet", ["BackOff", "Pulled"]),
        ("source=kubectl", ["image"]),
        ("source=runyard", ["Running", "create"]),
        ("source=nobody", []),
        ("type=warning&q=there", []),
    ],
)
def test_the_history_is_narrowed(ada, eventful, query, found):
    told = {"Image changed": "image", "Submitted": "create"}
    assert [told.get(title, title) for title in titles(ada, eventful, query)] == found


def test_a_pod_s_events_are_found_by_its_name_and_link_to_its_log(ada, eventful):
    pod = make_pod(eventful, name="redwood-sft-7", uid="seven")
    make_event(eventful, reason="Killing", regarding_uid="seven", regarding_name=pod.name)
    (one,) = seen(ada, eventful, f"pod={pod.name}")
    assert (one.title, one.pod) == ("Killing", pod.pk)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("type=nonsense", "There is no type “nonsense”; there is phase, action, change, normal, warning."),
        ("pod=eves-own-1", "This workload has had no pod “eves-own-1”."),
        ("after=x", "This link to a page of the history is not valid any more."),
        ("q=%00", "“q” holds a NUL, or more than 200 characters."),
        (f"q={'x' * 201}", "“q” holds a NUL, or more than 200 characters."),
        (f"source={'x' * 201}", "“source” holds a NUL, or more than 200 characters."),
        ("pods=a", "There is no parameter “pods”; there is q, type, source, pod, from, to, after"),
        ("fold=0x1", "“fold” is the number of a repeated event, as its link has it."),
        ("fold=999999", "There is no such repeated event of this workload any more."),
    ],
)
def test_what_there_is_not_is_said_in_words(ada, eventful, browse, query, words):
    answer = browse(ada).get(f"/workloads/{eventful.pk}/events?{query}")
    assert answer.status_code == 400
    assert words in text(answer)
    if "fold" not in query:
        refused = browse(ada).get(f"/workloads/{eventful.pk}/events.csv?{query}")
        assert refused.status_code == 400
        assert words in text(refused)


def test_a_cursor_of_another_workload_is_none_of_this_one_s(ada, ada_training, red, cluster):
    from tests.make import make_workload

    other = make_workload(red, cluster)
    for second in range(2):
        enter(other, "Running", AT + timedelta(seconds=second))
    after = history.page(ada, other, history.Wanted(), 1).after
    with pytest.raises(BadQuery):
        history.read(QueryDict(f"after={after}"), ada, ada_training)


def test_eve_reads_nothing_even_of_a_workload_she_was_handed(eve, eventful):
    assert seen(eve, eventful) == []
    assert history.total(eve, eventful) == ""
    assert set(history.counts(eve, eventful).values()) == {0}


def test_counts_are_of_each_type_and_stop_where_counting_would_cost(ada, eventful, monkeypatch):
    assert history.counts(ada, eventful) == dict.fromkeys(history.TYPES, 1)
    assert history.total(ada, eventful) == "5"
    monkeypatch.setattr(history, "COUNTED", 2)
    for _ in range(3):
        make_event(eventful, reason="Started")
    assert history.counted(history.counts(ada, eventful)["normal"]) == "2+"
    assert history.total(ada, eventful) == "2+"


def test_a_page_costs_as_many_queries_with_many_as_with_few(ada, eventful, browse):
    client, url = browse(ada), f"/workloads/{eventful.pk}/events?part=list"

    def cost():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    few = cost()
    for number in range(120):
        make_event(eventful, reason="Pulled", regarding_uid=str(number))
    assert cost() == few


def test_the_page_escapes_hostile_words_and_offers_older_ones(ada, eventful, browse):
    for number in range(60):
        enter(eventful, "Running", AT + timedelta(seconds=number), message=f"<img onerror=x>{number}")
    page = text(browse(ada).get(f"/workloads/{eventful.pk}/events"))
    assert "&lt;b&gt;crashed&lt;/b&gt;" in page
    assert "<img" not in page
    assert page.count("<li data-key=") == 50
    assert 'rel="next"' in page


def test_an_empty_history_says_what_will_come(ada, ada_training, browse):
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/events"))
    assert "Nothing has happened yet" in page
    assert "Nothing matches" in text(browse(ada).get(f"/workloads/{ada_training.pk}/events?q=x"))


def rows_of(response):
    return list(csv.DictReader(io.StringIO(content(response).decode())))


def test_the_file_has_every_row_in_the_order_of_the_page_and_says_how_many(ada, eventful, browse):
    for number in range(60):
        enter(eventful, "Running", AT + timedelta(seconds=number))
    answer = browse(ada).get(f"/workloads/{eventful.pk}/events.csv")
    rows = rows_of(answer)
    assert answer["Content-Disposition"].startswith('attachment; filename="history-redwood-sft-')
    assert [row["What"] for row in rows][:5] == ["BackOff", "Pulled", "Running", "Image changed", "Submitted"]
    assert (len(rows), rows[-1][COUNT], rows[0][COUNT]) == (65, "65", "")
    assert (rows[0]["Count"], rows[0]["Kind"], rows[0]["Name"]) == ("3", "Pod", "redwood-sft-0")
    assert rows[-1]["Time (UTC)"] == "2026-01-02T03:04:05Z"


def test_the_file_keeps_to_the_filters_and_holds_no_formula(ada, eventful, browse):
    make_event(eventful, type="Warning", reason="=cmd()", message="@SUM(1)", source="-x")
    rows = rows_of(browse(ada).get(f"/workloads/{eventful.pk}/events.csv?type=warning&q=sum"))
    assert [(row["What"], row["Details"], row["Source"]) for row in rows] == [("'=cmd()", "'@SUM(1)", "'-x")]
    none = content(browse(ada).get(f"/workloads/{eventful.pk}/events.csv?q=nowhere"))
    assert none.count(b"\n") == 1  # the headers alone


# --- long histories ---


@pytest.fixture
def short_looks(monkeypatch):
    """One look goes ten rows back, and two rows are few."""
    monkeypatch.setattr(history_search, "LOOKED", 10)
    monkeypatch.setattr(history_search, "RARE", 2)


def many(workload, count, message=lambda number: "", **fields):
    """So many events a second apart, the newest first, half of them warnings."""
    for number in range(count):
        at = AT - timedelta(seconds=number)
        type_ = ("Normal", "Warning")[number % 2]
        make_event(workload, reason=f"R{number}", message=message(number), at=at, type=type_, **fields)


def walked(user, workload, query):
    """The titles of each page, as one follows them, and how far each looked."""
    pages, after = [], ""
    while True:
        wanted = history.read(QueryDict(f"{query}&after={after}"), user, workload)
        page = history.page(user, workload, wanted, 3)
        pages.append(([one.title for one in page.happenings], page.looked_to))
        if not (after := page.after):
            return pages


def test_a_word_that_few_hold_is_found_at_once_however_far_back(ada, ada_training, short_looks):
    many(ada_training, 60, lambda number: "needle" if number in (41, 50) else "hay")
    assert walked(ada, ada_training, "q=needle") == [(["R41", "R50"], None)]
    assert walked(ada, ada_training, "q=nowhere") == [([], None)]


def test_a_word_that_many_hold_far_back_is_walked_to_without_gap_or_repeat(ada, ada_training, short_looks):
    many(ada_training, 60, lambda number: "olden" if number >= 30 else "recent")
    enter(ada_training, "Running", AT - timedelta(seconds=5), message="olden too")
    pages = walked(ada, ada_training, "q=olden")
    assert pages[0] == (["Running"], AT - timedelta(seconds=18))  # as far as ten of either type go
    told = [title for titles, _ in pages for title in titles]
    assert told == ["Running", *(f"R{number}" for number in range(30, 60))]


def test_a_word_that_all_hold_fills_each_page(ada, ada_training, short_looks):
    many(ada_training, 30, lambda number: "common")
    pages = walked(ada, ada_training, "q=common")
    assert [len(titles) for titles, _ in pages] == [3] * 10
    assert {looked for _, looked in pages} == {None}


@pytest.mark.parametrize("query", ["source=kubelet", "q=ne", "q=ne&type=normal", "q=--&pod=any"])
def test_what_no_index_tells_is_walked_to(ada, ada_training, short_looks, query):
    pod = make_pod(ada_training, name="any", uid="u")
    told = {"source": "other", "regarding_uid": pod.uid}
    many(ada_training, 44, lambda number: "-- ne" if number > 40 else "hay", **told)
    make_event(ada_training, reason="Last", message="ne --", at=AT - timedelta(days=1), regarding_uid=pod.uid)
    pages = walked(ada, ada_training, query)
    assert len(pages) > 1
    assert pages[-1][0][-1] == "Last"


def test_a_search_that_takes_too_long_goes_on_by_walking(ada, ada_training, short_looks, monkeypatch):
    monkeypatch.setattr(history_search, "PATIENCE_SECONDS", 0.05)
    many(ada_training, 30)
    sleep = Func(template="(SELECT 0 FROM pg_sleep(20))", output_field=IntegerField())
    slow = replace(NORMAL, indexed=lambda word: Q(pk__gt=sleep))
    assert history_search.few(slow, NORMAL.rows(ada, ada_training), "needle") is None
    with connection.cursor() as cursor:  # the test's own transaction goes on as it was
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",)


def test_a_client_of_the_api_walks_in_the_same_way(ada, ada_training, short_looks, browse):
    many(ada_training, 40, lambda number: "olden" if number >= 25 else "recent")
    titles, url = [], f"/api/v1/workloads/{ada_training.pk}/events?q=olden&limit=5"
    while url:
        answer = browse(ada).get(url).json()
        titles += [event["title"] for event in answer["events"]]
        after = answer["next"]
        url = after and f"/api/v1/workloads/{ada_training.pk}/events?q=olden&limit=5&after={after}"
    assert titles == [f"R{number}" for number in range(25, 40)]


def test_the_page_says_how_far_it_looked_and_leads_further(ada, ada_training, short_looks, browse):
    many(ada_training, 40, lambda number: "olden" if number >= 25 else "recent")
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/events?q=olden"))
    assert "Looked back to" in page
    assert "Look further back" in page
    assert "Nothing matches" not in page
