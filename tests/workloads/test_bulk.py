"""Many at once: all that match, fixed when confirmed, done in the background, never twice, never blindly."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runyard.tenancy.models import AccessRule
from runyard.tenancy.preferences import keep_table_choice, note_bulk, table_choice
from tests.answers import content
from tests.make import make_workload
from workloads import actions, bulk, bulk_tasks
from workloads.models import Action, Bulk, Verb, Workload
from workloads.status import Desired

HTMX = {"HX-Request": "true"}
MANY = bulk.AT_ONCE + 5


@pytest.fixture(autouse=True)
def not_woken(monkeypatch):
    """The bulks that Celery would have been woken for; nothing is sent."""
    found = []
    monkeypatch.setattr("workloads.tasks.wake_all", lambda actions: None)
    monkeypatch.setattr(bulk_tasks, "wake", found.append)
    return found


@pytest.fixture
def many(red, cluster):
    """More than one request does: running ones of red."""
    return [make_workload(red, cluster, name=f"many-{n:03}") for n in range(MANY)]


def begun(by, workloads, verb=Verb.STOP, losing=None):
    return bulk_tasks.begin(by, verb, [workload.pk for workload in workloads], losing)


def finish(pk):
    while bulk_tasks.chunk(pk):
        pass
    return Bulk.objects.get(pk=pk)


def anew(person):
    """As a new request would have them: nothing is known of their rights yet."""
    return type(person).objects.get(pk=person.pk)


def queries_of(work):
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


# --- what is meant, and what it would cost to say so ---


def test_all_that_match_are_what_the_table_would_show_less_those_left_out(ada, red, green, cluster):
    rows = [make_workload(red, cluster, name=f"llama-{n}") for n in range(4)]
    make_workload(red, cluster, name="other")
    make_workload(green, cluster, name="llama-of-green")
    choice = bulk.Choice(matching="q=llama&sort=name&f=gpus%3D%3D1", excluded=frozenset({rows[0].pk}))
    assert [row.name for row in choice.rows(ada)] == ["llama-1", "llama-2", "llama-3"]


def test_a_plan_for_many_takes_as_many_queries_as_for_one(ada, red, cluster, many):
    for number in range(3):
        make_workload(red, cluster, name=f"done-{number}", phase="Completed", terminal="Completed")
    first, second, made = anew(ada), anew(ada), []
    one = queries_of(lambda: bulk.plan(first, "stop", bulk.Choice((many[0].pk,))))
    all_of_them = queries_of(lambda: made.append(bulk.plan(second, "stop", bulk.Choice(matching=""))))
    assert (len(made[0].ready), made[0].skipped_count) == (MANY, 3)
    assert all_of_them == one == 3  # the projects and rules of the person, and the rows


def test_doing_a_chunk_takes_as_many_queries_as_doing_one(ada, many):
    actions.bulk([many[104].pk], Verb.STOP, ada)  # what is known of her rights is kept for a request
    one = queries_of(lambda: actions.bulk([many[0].pk], Verb.STOP, ada))
    hundred = queries_of(lambda: actions.bulk([w.pk for w in many[1:101]], Verb.STOP, ada))
    assert hundred == one
    assert Action.objects.count() == 102


def test_the_action_bar_is_told_how_many_match_and_why_what_cannot_be_used(ada, red, cluster, browse):
    for number, phase in enumerate(("Running", "Running", "Completed", "Stopped")):
        desired = Desired.STOPPED if phase == "Stopped" else Desired.RUNNING
        make_workload(red, cluster, name=f"w-{number}", phase=phase, desired=desired)
    told = browse(ada).get("/workloads/selection?q=w-&sort=name").json()
    assert told["count"] == 4
    assert told["why"]["stop"] == {"completed": 1, "already stopped": 1}
    assert told["why"]["run"] == {"already running": 2, "completed": 1}
    assert told["why"]["delete"] == {}


def test_eve_is_told_of_nothing_that_is_not_hers(eve, many, browse):
    assert browse(eve).get("/workloads/selection").json()["count"] == 0
    answer = browse(eve).post("/workloads/bulk", {"verb": "delete", "matching": ""}, headers=HTMX)
    assert (answer.status_code, Bulk.objects.count(), Action.objects.count()) == (400, 0, 0)


def test_more_than_the_most_is_refused_whole(ada, many, browse, monkeypatch):
    monkeypatch.setattr(bulk, "AT_MOST", MANY - 1)
    page, api = browse(ada), "/api/v1/workloads/batch"
    assert "Narrow the filters" in page.get("/workloads/selection").json()["problem"]
    answer = page.post("/workloads/bulk", {"verb": "run", "matching": ""}, headers=HTMX)
    assert answer.status_code == 400
    assert "Narrow the filters" in answer.content.decode()
    body = {"verb": "stop", "matching": ""}
    assert page.post(api, body, content_type="application/json").json()["fields"]["matching"]
    assert not Bulk.objects.exists()


@pytest.mark.parametrize("matching", ["f=nonsense", "phase=Asleep", "what=ever", "sort=nothing", "q=%00"])
def test_a_query_that_makes_no_sense_takes_nothing_instead_of_everything(ada, many, browse, matching):
    client = browse(ada)
    form = {"verb": "delete", "matching": matching}
    assert client.post("/workloads/bulk", form, headers=HTMX).status_code == 400
    answer = client.post("/api/v1/workloads/batch", form, content_type="application/json")
    assert (answer.status_code, Action.objects.count()) == (422, 0)


# --- asked, then done ---


def asked_about(client, form):
    """The fields of the question that `form` is answered with."""
    answer = client.post("/workloads/bulk", form, headers=HTMX)
    text = answer.content.decode()
    assert answer["HX-Retarget"] == "#dialog", text
    fields = {}
    for name in ("ids", "losing"):
        fields[name] = text.split(f'name="{name}" value="')[1].split('"')[0]
    return text, fields


def test_the_question_counts_names_the_first_and_groups_what_is_skipped(ada, red, cluster, many, browse):
    for number in range(4):
        make_workload(red, cluster, name=f"done-{number}", phase="Completed", terminal="Completed")
    text, fields = asked_about(browse(ada), {"verb": "stop", "matching": ""})
    assert f"Stop {MANY} workloads?" in text
    assert "many-000" in text
    assert f"and {MANY - 5} more" in text
    assert "4 completed" in text
    assert "and 1 more" in text
    assert len(fields["ids"].split(",")) == MANY


def test_what_matches_only_after_the_question_is_not_taken(ada, red, cluster, many, browse):
    client = browse(ada)
    _, fields = asked_about(client, {"verb": "delete", "matching": "q=many"})
    late = make_workload(red, cluster, name="many-late")
    answer = client.post("/workloads/bulk", {"verb": "delete", "word": "delete", **fields}, headers=HTMX)
    assert f"Deleting 0 of {MANY} workloads" in answer.content.decode()
    assert json.loads(answer["HX-Trigger"]) == {"workloads-changed": {"all": True}}
    finish(Bulk.objects.get().pk)
    assert Workload.objects.filter(desired=Desired.DELETED).count() == MANY
    assert Workload.objects.get(pk=late.pk).desired == Desired.RUNNING


def test_running_many_again_is_asked_first_though_nothing_is_lost(ada, red, cluster, browse):
    for number in range(bulk.ASKED_ABOVE + 1):
        make_workload(red, cluster, name=f"w-{number}", phase="Stopped", desired=Desired.STOPPED)
    client = browse(ada)
    text, fields = asked_about(client, {"verb": "run", "matching": ""})
    assert "ask their clusters for room again" in text
    client.post("/workloads/bulk", {"verb": "run", **fields}, headers=HTMX)
    assert Action.objects.filter(verb="run").count() == bulk.ASKED_ABOVE + 1


def test_what_began_to_run_after_the_question_is_left_and_said(ada, red, cluster):
    waiting = make_workload(red, cluster, phase="Pending")
    asked = begun(ada, [waiting], losing=[])
    Workload.objects.filter(pk=waiting.pk).update(phase="Running")
    (failure,) = finish(asked.pk).failed
    assert (failure["id"], failure["code"]) == (waiting.pk, "Changed")
    assert "begun to run since you were asked" in failure["message"]
    assert not Action.objects.exists()


def test_without_scripts_a_large_one_leads_to_its_page(ada, many, browse):
    client = browse(ada)
    ids = ",".join(str(workload.pk) for workload in many)
    answer = client.post("/workloads/bulk", {"verb": "stop", "ids": ids, "losing": ids})
    assert answer["Location"] == Bulk.objects.get().get_absolute_url()
    assert f"Stopping 0 of {MANY} workloads" in client.get(answer["Location"]).content.decode()


# --- in the background ---


def test_each_row_is_held_to_right_and_state_when_its_turn_comes(ada, red, green, cluster, many):
    AccessRule.objects.create(user=ada, role="practitioner", project=green)
    theirs = [make_workload(green, cluster, name=f"green-{n}") for n in range(2)]
    done = make_workload(red, cluster, name="finished", phase="Completed", terminal="Completed")
    asked = begun(ada, [*many[:3], done, *theirs])
    AccessRule.objects.filter(user=ada, project=green).update(role="viewer")
    over = finish(asked.pk)
    assert over.succeeded == [workload.pk for workload in many[:3]]
    assert [(one["name"], one["code"]) for one in over.failed] == [
        ("finished", "Refused"),
        ("green-0", "Denied"),
        ("green-1", "Denied"),
    ]
    assert "Ask" in over.failed[1]["message"]


def test_a_worker_that_dies_in_a_chunk_has_done_none_of_it(ada, many, monkeypatch):
    asked = begun(ada, many)
    assert bulk_tasks.chunk(asked.pk)
    real = actions.bulk

    def die(*args):
        real(*args)
        raise SystemExit  # after the work, before it is noted

    monkeypatch.setattr(actions, "bulk", die)
    with pytest.raises(SystemExit):
        bulk_tasks.chunk(asked.pk)
    monkeypatch.setattr(actions, "bulk", real)
    assert Action.objects.count() == bulk_tasks.CHUNK
    over = finish(asked.pk)
    assert (over.state, over.done, over.failed) == ("done", MANY, [])
    assert sorted(Action.objects.values_list("workload_id", flat=True)) == [w.pk for w in many]


def test_the_reaper_resumes_what_nobody_is_at(ada, many, not_woken):
    asked = begun(ada, many)
    bulk_tasks.chunk(asked.pk)
    bulk_tasks.reap()
    assert not_woken == []  # somebody may still be at it
    Bulk.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    bulk_tasks.reap()
    assert not_woken == [asked.pk]
    bulk_tasks.carry_on(asked.pk)
    assert Bulk.objects.get().state == "done"


def test_what_cannot_be_finished_is_given_up_after_an_hour(ada, many, not_woken):
    asked = begun(ada, many)
    Bulk.objects.update(created_at=timezone.now() - timedelta(hours=2))
    bulk_tasks.reap()
    assert (Bulk.objects.get().state, not_woken) == ("given_up", [])
    assert not bulk_tasks.chunk(asked.pk)


def test_cancelled_it_does_no_more_and_says_how_far_it_came(ada, many, browse):
    asked = begun(ada, many)
    bulk_tasks.chunk(asked.pk)
    client = browse(ada)
    text = client.post(f"/workloads/bulk/{asked.pk}/cancel", headers=HTMX).content.decode()
    assert f"Stopping 100 of {MANY} workloads" in text
    assert "the other 5 were left as they are" in text
    assert not bulk_tasks.chunk(asked.pk)
    assert Action.objects.count() == 100
    assert "<html" in client.get(f"/workloads/bulk/{asked.pk}").content.decode()


def test_undo_takes_those_it_was_done_to_and_no_others(ada, red, cluster, many, browse):
    asked = begun(ada, many[:30])
    Workload.objects.filter(pk=many[0].pk).update(phase="Completed", terminal="Completed")
    finish(asked.pk)
    client = browse(ada)
    assert (
        f'name="bulk" value="{asked.pk}"' in client.get(f"/workloads/bulk/{asked.pk}/card").content.decode()
    )
    _, fields = asked_about(client, {"verb": "run", "bulk": asked.pk})
    client.post("/workloads/bulk", {"verb": "run", **fields}, headers=HTMX)
    assert Action.objects.filter(verb="run").count() == 29


def test_only_the_person_who_asked_sees_it(ada, bo, eve, dee, many, browse):
    asked = begun(ada, many)
    for person in (bo, eve, dee):
        client = browse(person)
        for address in ("", "/card", "/cancel"):
            call = client.post if address == "/cancel" else client.get
            assert call(f"/workloads/bulk/{asked.pk}{address}").status_code == 404
        assert client.get(f"/api/v1/workloads/batch/{asked.pk}").status_code == 404
        assert client.post(f"/api/v1/workloads/batch/{asked.pk}/cancel").status_code == 404
        answer = client.post("/workloads/bulk", {"verb": "run", "bulk": asked.pk}, headers=HTMX)
        assert "no such bulk action of yours" in answer.content.decode()
    assert Bulk.objects.get().is_running


# --- on the pages that are opened meanwhile ---


def card_of(asked):
    return f'id="bulk-{asked.pk}"'


def test_what_goes_on_is_on_each_page_of_the_table_and_leads_to_its_own(ada, many, browse):
    asked = begun(ada, many)
    client = browse(ada)
    for address in ("/workloads/", "/workloads/?q=nothing-is-called-so", "/workloads/?sort=nonsense"):
        words = content(client.get(address)).decode()
        assert card_of(asked) in words, address
        assert f'<a class="link" href="{asked.get_absolute_url()}">' in words
    finish(asked.pk)
    assert card_of(asked) not in content(client.get("/workloads/")).decode()


def test_it_is_on_no_page_of_anybody_else(ada, bo, dee, many, browse):
    asked = begun(ada, many)
    begun(bo, many)
    for person in (bo, dee):
        assert card_of(asked) not in content(browse(person).get("/workloads/")).decode()


def test_a_part_that_is_fetched_again_brings_no_second_card(ada, many, browse):
    asked = begun(ada, many)
    client = browse(ada)
    for headers in (HTMX, {"X-Runyard-Refresh": "1"}):
        assert card_of(asked) not in content(client.get("/workloads/", headers=headers)).decode()


@pytest.mark.parametrize("cookie", ["{pk}", "1000000.{pk}", "{pk}..x"])
def test_one_that_was_dismissed_stays_away_and_another_does_not(ada, many, browse, cookie):
    asked, other = begun(ada, many), begun(ada, many)
    client = browse(ada)
    client.cookies["runyard_dismissed_bulks"] = cookie.format(pk=asked.pk)
    words = content(client.get("/workloads/")).decode()
    assert card_of(asked) not in words
    assert card_of(other) in words


@pytest.mark.parametrize("kept", [None, 7, "yesterday", "2026-13-45T00:00:00+00:00", "2026-01-01T00:00:00"])
def test_what_makes_no_sense_in_the_preferences_is_as_if_none_was_begun(ada, many, browse, kept):
    asked = begun(ada, many)
    type(ada).objects.filter(pk=ada.pk).update(preferences={"bulk_begun": kept})
    assert card_of(asked) not in content(browse(ada).get("/workloads/")).decode()


def test_to_begin_one_keeps_the_chosen_columns(ada, many):
    keep_table_choice(ada, "workloads", {"columns": ["name"]})
    stale = anew(ada)
    begun(stale, many)
    assert table_choice(anew(ada), "workloads") == {"columns": ["name"]}
    keep_table_choice(ada, "workloads", None)
    assert bulk_tasks.running_of(anew(ada))


def test_who_began_none_lately_pays_no_query_for_it(ada, many):
    begun(ada, many)
    person = anew(ada)
    assert queries_of(lambda: bulk_tasks.running_of(person)) == 1
    note_bulk(person, timezone.now() - 2 * bulk_tasks.GIVE_UP_AFTER)
    assert queries_of(lambda: bulk_tasks.running_of(person)) == 0


# --- by the API ---


def test_a_large_batch_is_accepted_polled_and_ended(ada, many, eve_training, browse):
    client = browse(ada)
    body = {"verb": "stop", "ids": [*(w.pk for w in many), eve_training.pk]}
    accepted = client.post("/api/v1/workloads/batch", body, content_type="application/json")
    assert accepted.status_code == 202
    url = accepted["Location"]
    assert client.get(url).json() | {"created_at": ""} == {
        "id": accepted.json()["id"],
        "url": url,
        "verb": "stop",
        "state": "running",
        "total": MANY + 1,
        "done": 0,
        "succeeded": [],
        "failed": [],
        "created_at": "",
        "finished_at": "",
    }
    finish(accepted.json()["id"])
    told = client.get(url).json()
    assert (told["state"], told["done"], len(told["succeeded"])) == ("done", MANY + 1, MANY)
    assert [(one["id"], one["name"], one["code"]) for one in told["failed"]] == [
        (eve_training.pk, "", "NotFound")
    ]
    assert client.post(f"{url}/cancel").status_code == 409


def test_a_batch_takes_all_that_match_but_the_excepted(ada, many, browse):
    body = {"verb": "delete", "matching": "q=many-00", "except": [many[0].pk]}
    answer = browse(ada).post("/api/v1/workloads/batch", body, content_type="application/json")
    assert answer.json() == {"succeeded": [w.pk for w in many[1:10]], "failed": []}


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "stop"},
        {"verb": "stop", "ids": [1], "matching": ""},
        {"verb": "stop", "matching": 7},
        {"verb": "stop", "matching": "", "except": ["x"]},
    ],
)
def test_a_batch_that_does_not_say_which_is_refused(ada, many, browse, body):
    answer = browse(ada).post("/api/v1/workloads/batch", body, content_type="application/json")
    assert answer.status_code == 422
    assert not Action.objects.exists()
