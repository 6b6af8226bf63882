"""Changed rows drawn once for a class of viewers: who is sent what, and what comes of a wrong view."""

import asyncio
import json

import pytest
from django.http import QueryDict

from runyard.kit.publish import publish
from runyard.live import consumer, rows
from runyard.tenancy.models import AccessRule, Project
from runyard.tenancy.roles import Role
from tests.embedded import until
from tests.live.test_socket import hub_is_live, is_hint, is_topic
from tests.make import make_workload
from workloads.models import Workload
from workloads.tables import WorkloadTable

pytestmark = pytest.mark.django_db(transaction=True)


def is_rows(message):
    return "rows" in message


async def looking(socket, *shown, query="", drawn="name,status", **more):
    """Subscribed to the rows `shown`; what the server answered."""
    await hub_is_live(socket)
    await socket.say(subscribe="workloads", query=query, drawn=drawn, rows=[row.pk for row in shown], **more)
    return await socket.hear(is_topic("workloads"))


async def changed(*workloads):
    """They have another message, and whoever listens is told."""
    pks = [one.pk for one in workloads]
    await asyncio.to_thread(Workload.objects.filter(pk__in=pks).update, message="it has changed")
    await asyncio.to_thread(publish, *[(f"workloads:{one.project_id or 0}", [one.pk]) for one in workloads])


async def told(socket, workload):
    """The next frame with a row of `workload`."""
    return await socket.hear(lambda m: f'data-row="{workload.pk}"' in m.get("rows", ""))


async def test_a_row_that_changed_comes_drawn_with_the_columns_that_are_shown(connect, ada, ada_training):
    async with connect(ada) as socket:
        assert await looking(socket, ada_training) == {"topic": "workloads", "subscribed": True}
        await changed(ada_training)
        frame = await told(socket, ada_training)
        assert "it has changed" in frame["rows"]
        assert "redwood-sft" in frame["rows"]
        assert 'data-column="project"' not in frame["rows"]
        assert frame["entering"] == []
        await socket.silent(is_hint("workloads"))


async def test_who_says_nothing_of_a_view_gets_hints(connect, ada, ada_training):
    async with connect(ada) as plain, connect(ada) as drawn:
        await hub_is_live(plain)
        await plain.say(subscribe="workloads")
        await looking(drawn, ada_training)
        await changed(ada_training)
        await told(drawn, ada_training)
        assert (await plain.hear(is_hint("workloads")))["hint"] == [ada_training.pk]
        await plain.silent(is_rows, 0.3)


async def test_two_who_look_at_the_same_are_sent_one_frame_drawn_once(
    connect, ada, red, ada_training, django_user_model, monkeypatch
):
    drawn = []
    really = rows._draw
    monkeypatch.setattr(rows, "_draw", lambda of, work: drawn.append(work) or really(of, work))
    twin = await asyncio.to_thread(django_user_model.objects.create_user, "twin")
    await asyncio.to_thread(AccessRule.objects.create, user=twin, project=red, role=Role.PRACTITIONER)
    async with connect(ada) as one, connect(twin) as other:
        await looking(one, ada_training)
        await looking(other, ada_training)
        await changed(ada_training)
        frames = [await told(socket, ada_training) for socket in (one, other)]
        assert frames[0] == frames[1]
    assert [work.people for work in drawn if work.here] == [{ada.pk, twin.pk}]


async def test_a_viewer_and_an_administrator_of_the_same_project_are_sent_different_rows(
    connect, vi, bo, ada_training
):
    async with connect(vi) as viewer, connect(bo) as administrator:
        await looking(viewer, ada_training)
        await looking(administrator, ada_training)
        await changed(ada_training)
        assert "not yours to stop" in (await told(viewer, ada_training))["rows"]
        assert "not yours" not in (await told(administrator, ada_training))["rows"]


async def test_eve_is_sent_nothing_of_red_though_she_asks_for_its_rows(
    connect, eve, ada, ada_training, eve_training
):
    async with connect(eve) as socket:
        await looking(socket, ada_training, eve_training)
        await changed(ada_training, eve_training)
        frame = await told(socket, eve_training)
        assert "redwood" not in json.dumps(frame)
        assert frame["entering"] == []
        await socket.silent(lambda m: f'data-row="{ada_training.pk}"' in m.get("rows", ""), 0.3)


async def test_rows_of_no_project_come_to_the_system_administrator_alone(
    connect, dee, ada, cluster, ada_training
):
    stray = await asyncio.to_thread(make_workload, None, cluster, name="stray-one")
    async with connect(dee) as above, connect(ada) as socket:
        await looking(above, stray, ada_training)
        await looking(socket, stray, ada_training)
        await changed(stray, ada_training)
        assert "stray-one" in (await told(above, stray))["rows"]
        assert "stray-one" not in (await told(socket, ada_training))["rows"]


@pytest.mark.parametrize("loser", ["ada", "twin"], ids=["drawn for", "another"])
async def test_a_right_that_is_taken_holds_at_the_next_drawing(
    connect, ada, red, ada_training, django_user_model, loser
):
    """Long before the sockets' own check; the other one goes on, whichever of them rows are drawn for."""
    twin = await asyncio.to_thread(django_user_model.objects.create_user, "twin")
    await asyncio.to_thread(AccessRule.objects.create, user=twin, project=red, role=Role.PRACTITIONER)
    assert ada.pk < twin.pk
    async with connect(ada) as first, connect(twin) as second:
        await looking(first, ada_training)
        await looking(second, ada_training)
        await asyncio.to_thread(AccessRule.objects.filter(user__username=loser).delete)
        await changed(ada_training)
        lost, kept = (first, second) if loser == "ada" else (second, first)
        await told(kept, ada_training)
        message = await lost.hear(is_topic("workloads"))
        assert "denied" in message
        await lost.silent(is_rows, 0.3)


async def test_another_role_leads_to_another_class_and_a_fresh_fetch(connect, ada, ada_training):
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await asyncio.to_thread(AccessRule.objects.filter(user=ada).update, role=Role.VIEWER)
        await changed(ada_training)
        message = await socket.hear(is_topic("workloads"))
        assert message == {"topic": "workloads", "subscribed": True}
        await changed(ada_training)
        assert "not yours to stop" in (await told(socket, ada_training))["rows"]


async def test_another_role_is_seen_by_the_check_when_nothing_changes(
    connect, ada, ada_training, monkeypatch
):
    monkeypatch.setattr(consumer, "CHECK_SECONDS", 0.2)
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await asyncio.to_thread(AccessRule.objects.filter(user=ada).update, role=Role.VIEWER)
        await socket.hear(lambda m: m.get("subscribed"))


async def test_a_project_that_leaves_the_department_leaves_what_its_head_is_sent(
    connect, cy, blue, red, ada_training
):
    async with connect(cy) as socket:
        await looking(socket, ada_training)
        await asyncio.to_thread(Project.objects.filter(pk=red.pk).update, department=blue.department)
        await changed(ada_training)
        await socket.hear(is_topic("workloads"))  # denied, or fetch afresh
        await socket.silent(is_rows, 0.4)


async def test_a_disabled_person_is_sent_nothing_more(connect, ada, ada_training):
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await asyncio.to_thread(type(ada).objects.filter(pk=ada.pk).update, is_active=False)
        await changed(ada_training)
        assert "denied" in await socket.hear(is_topic("workloads"))
        await socket.silent(is_rows, 0.3)


BAD = {
    "an unknown column": ({"drawn": "secrets"}, "no column"),
    "an unknown sort": ({"query": "sort=secrets"}, "cannot be sorted"),
    "an unknown phase": ({"query": "phase=Bored"}, "There is no status"),
    "10,000 characters": ({"query": "q=" + "x" * 10_000}, "at most 3,000 characters"),
    "a NUL": ({"query": "q=%00"}, "NUL"),
    "half a character": ({"query": "q=\ud800"}, "half a character"),
    "no text": ({"query": 5}, "no text"),
    "a cursor that is none": ({"after": "abc"}, "not valid any more"),
    "rows that are no ids": ({"rows": ["1; drop"]}, "ids of the rows"),
    "rows beyond all": ({"rows": [2**63]}, "ids of the rows"),
    "too many rows": ({"rows": list(range(1, 102))}, "at most 100"),
    "no rows": ({"rows": None}, "ids of the rows"),
    "a sort by what grows": ({"query": "sort=run_time"}, "a time that goes on"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_view_that_is_none_is_refused_in_words_and_hints_come(connect, ada, ada_training, bad):
    wrong, words = BAD[bad]
    view = {"query": "", "drawn": "", "rows": [ada_training.pk]} | wrong
    async with connect(ada) as socket:
        await hub_is_live(socket)
        await socket.say(subscribe="workloads", **view)
        answer = await socket.hear(is_topic("workloads"))
        assert answer["subscribed"]
        assert words in answer["refused"]
        await changed(ada_training)
        assert (await socket.hear(is_hint("workloads")))["hint"] == [ada_training.pk]


async def test_a_page_that_is_turned_is_sent_the_rows_it_shows_now(connect, ada, red, cluster, ada_training):
    other = await asyncio.to_thread(make_workload, red, cluster, name="other")
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await changed(other)
        assert other.pk in (await socket.hear(is_rows))["entering"]  # no edges: it would be on the page
        await socket.say(subscribe="workloads", query="", drawn="", rows=[other.pk])
        await told(socket, other)  # what changed just before was missed, perhaps
        await socket.say(subscribe="workloads", query="phase=Bored", drawn="", rows=[other.pk])
        assert "There is no status" in (await socket.hear(lambda m: "refused" in m))["refused"]
        await changed(other)
        assert other.pk in (await socket.hear(is_hint("workloads")))["hint"]


async def test_only_rows_that_come_between_the_edges_of_a_page_enter_it(connect, ada, red, cluster):
    made = [await asyncio.to_thread(make_workload, red, cluster, name=f"w-{n}") for n in range(52)]
    page = await asyncio.to_thread(WorkloadTable.page, ada, QueryDict("sort=name"))
    shown, bottom = page.rows, page.after
    assert shown[0].name == "w-0"
    inside = made[0]
    outside = next(one for one in made if one.pk not in {row.pk for row in shown})
    async with connect(ada) as socket:
        await looking(socket, *shown[1:], query="sort=name", before=bottom)
        await changed(inside, outside)
        entering = set()
        while not entering:
            entering.update((await socket.hear(is_rows))["entering"])
        assert entering == {inside.pk}


async def test_a_row_that_no_longer_matches_and_one_that_is_gone_say_so(
    connect, ada, red, cluster, ada_training
):
    gone = await asyncio.to_thread(make_workload, red, cluster, name="gone", phase="Running")
    async with connect(ada) as socket:
        await looking(socket, ada_training, gone, query="phase=Running")
        await asyncio.to_thread(Workload.objects.filter(pk=ada_training.pk).update, phase="Failed")
        await asyncio.to_thread(gone.delete)
        hint = (f"workloads:{red.pk}", [ada_training.pk, gone.pk or 0])
        await asyncio.to_thread(publish, hint)
        frame = await told(socket, ada_training)
        assert f'<tr data-row="{ada_training.pk}" data-left="hidden">' in frame["rows"]


async def test_the_tally_comes_with_the_rows_and_not_again_too_soon(connect, ada, ada_training, monkeypatch):
    monkeypatch.setattr(rows, "TALLY_SECONDS", 3_600)
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await changed(ada_training)
        tallies = ['id="tally"' in (await told(socket, ada_training))["rows"]]
        await changed(ada_training)
        tallies.append('id="tally"' in (await told(socket, ada_training))["rows"])
        assert tallies == [True, False]
        for feed in [one for feeds in rows._by_hub.values() for one in feeds._by_class.values()]:
            feed._tally_at = 0  # the hour is over
        frame = await socket.hear(is_rows)  # by itself, so that what changed last is counted too
        assert 'id="tally"' in frame["rows"]


async def test_more_views_than_one_process_draws_get_hints(connect, ada, ada_training, monkeypatch):
    monkeypatch.setattr(rows, "MOST_FEEDS", 1)
    async with connect(ada) as first, connect(ada) as second:
        await looking(first, ada_training)
        answer = await looking(second, ada_training, query="phase=Running")
        assert answer["refused"] == rows.TOO_MANY
        await changed(ada_training)
        await told(first, ada_training)
        assert (await second.hear(is_hint("workloads")))["hint"] == [ada_training.pk]


async def test_more_changes_than_are_drawn_become_all(connect, ada, ada_training, monkeypatch):
    monkeypatch.setattr(rows, "MOST_CHANGED", 10)
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        hint = (f"workloads:{ada_training.project_id}", list(range(1, 20)))
        await asyncio.to_thread(publish, hint)
        assert (await socket.hear(is_hint("workloads")))["hint"] == "all"


async def test_a_drawing_that_fails_leaves_the_pages_to_fetch(
    connect, ada, ada_training, monkeypatch, caplog
):
    def broken(of, work):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(rows, "_draw", broken)
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await changed(ada_training)
        assert (await socket.hear(is_hint("workloads")))["hint"] == [ada_training.pk]
    assert "pages are told to fetch" in caplog.text


async def test_nothing_is_kept_of_those_who_left(connect, ada, ada_training):
    async with connect(ada) as socket:
        await looking(socket, ada_training)
        await socket.say(unsubscribe="workloads")
        await changed(ada_training)
        await socket.silent(lambda m: is_rows(m) or "hint" in m, 0.5)
    gone = lambda: not any(feeds._by_class for feeds in list(rows._by_hub.values()))  # noqa: E731
    await asyncio.to_thread(until, gone, what="the feeds to be closed")
