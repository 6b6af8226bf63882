"""The one websocket: who gets in, who hears what, and that it stays up."""

import asyncio
import json

import pytest
import websockets
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from runyard.kit.publish import publish
from runyard.live import consumer
from runyard.tenancy.access import readable_projects
from runyard.tenancy.models import AccessRule
from runyard.tenancy.roles import Role
from tests.live.conftest import Socket
from tests.live.test_feeds import WAIT, Script, line
from tests.make import make_pod
from workloads import log_feeds

pytestmark = pytest.mark.django_db(transaction=True)


def is_topic(name):
    return lambda message: message.get("topic") == name


def is_hint(name):
    return lambda message: message.get("topic") == name and "hint" in message


async def subscribed(socket, topic):
    await socket.say(subscribe=topic)
    return await socket.hear(is_topic(topic))


async def hub_is_live(socket):
    await socket.hear(lambda message: message.get("state") == "live")


async def test_ada_hears_of_her_training(connect, ada, ada_training):
    async with connect(ada) as socket:
        await hub_is_live(socket)
        assert await subscribed(socket, "workloads") == {"topic": "workloads", "subscribed": True}
        await asyncio.to_thread(publish, (f"workloads:{ada_training.project_id}", [ada_training.pk]))
        assert (await socket.hear(is_hint("workloads")))["hint"] == [ada_training.pk]


async def test_hints_that_come_together_are_merged(connect, ada, ada_training):
    async with connect(ada) as socket:
        await hub_is_live(socket)
        await subscribed(socket, "workloads")
        topic = f"workloads:{ada_training.project_id}"
        await asyncio.to_thread(publish, *[(topic, [n]) for n in range(1, 400)])
        heard = set()
        while len(heard) < 399:
            heard.update((await socket.hear(is_hint("workloads")))["hint"])
        assert heard == set(range(1, 400))


async def test_eve_hears_nothing_of_red(connect, eve, ada_training):
    pod = await asyncio.to_thread(ada_training.pods.get)
    async with connect(eve) as socket:
        await hub_is_live(socket)
        for topic in (f"workload:{ada_training.pk}", f"log:{pod.pk}/main"):
            assert "denied" in await subscribed(socket, topic)
        assert "subscribed" in await subscribed(socket, "workloads")
        await asyncio.to_thread(
            publish,
            (f"workloads:{ada_training.project_id}", [ada_training.pk]),
            (f"workload:{ada_training.pk}", 7),
        )
        await socket.silent(lambda message: "hint" in message)


@pytest.mark.parametrize(
    "topic",
    [
        "secrets", "workload:", "workload:x", "workload:99999999999999999999", "log:1", "log:1/../main",
        "hub",        "workloads:1 OR 1=1", "a" * 300, "clusters\n", "log:-1/main",
    ],
)  # fmt: skip
async def test_what_is_not_there_and_what_is_forbidden_are_denied_alike(connect, eve, topic):
    async with connect(eve) as socket:
        answer = await subscribed_any(socket, topic)
        assert answer["denied"] == "There is no such thing, or you may not watch it."


async def subscribed_any(socket, topic):
    await socket.say(subscribe=topic)
    return await socket.hear(lambda message: "denied" in message or "subscribed" in message)


@pytest.mark.parametrize(
    "origin", [None, "null", "http://127.0.0.1:9999", "http://evil.example", "https://127.0.0.1:8000"]
)
async def test_a_page_of_another_origin_is_refused(connect, ada, origin):
    with pytest.raises(websockets.InvalidStatus):
        async with connect(ada, origin=origin):
            pass


async def test_a_stranger_is_sent_away(connect, db):
    async with connect() as socket:
        assert await socket.closed() == consumer.NOT_SIGNED_IN


@pytest.mark.parametrize("frame", ["no json", "[]", '"x"', "[" * 5000, "{" + " " * 20_000 + "}", b"\xff\xfe"])
async def test_a_frame_that_is_no_message_closes_the_socket(connect, ada, frame):
    async with connect(ada) as socket:
        await socket.raw(frame)
        assert await socket.closed() == consumer.TOO_MUCH


async def test_too_many_topics_are_denied(connect, dee, red, cluster, ada):
    async with connect(dee) as socket:
        for number in range(60):
            await socket.say(subscribe=f"workload:{number}")
        await socket.say(subscribe="workloads")
        assert "subscribed" in await socket.hear(is_topic("workloads"))


async def test_a_right_that_is_taken_ends_the_subscription(connect, ada, ada_training, monkeypatch):
    monkeypatch.setattr(consumer, "CHECK_SECONDS", 0.2)
    async with connect(ada) as socket:
        await hub_is_live(socket)
        await subscribed(socket, f"workload:{ada_training.pk}")
        await asyncio.to_thread(ada.access_rules.all().delete)
        assert "denied" in await socket.hear(lambda m: "denied" in m)


async def test_each_person_hears_of_their_projects_and_no_other(
    connect, ada, bo, cy, dee, eve, vi, red, green, blue, cluster
):
    """Each project's hint names its own id alone, so that one of another project would show."""
    said = [(f"workloads:{pk}", [pk + 1_000]) for pk in (red.pk, green.pk, blue.pk, 0)]
    for person in (ada, bo, cy, dee, eve, vi):
        seen = await asyncio.to_thread(
            lambda who: set(readable_projects(who).values_list("pk", flat=True)), person
        )
        wanted = {pk + 1_000 for pk in (red.pk, green.pk, blue.pk) if pk in seen}
        wanted |= {1_000} if person == dee else set()
        async with connect(person) as socket:
            await hub_is_live(socket)
            await subscribed(socket, "workloads")
            await asyncio.to_thread(publish, *said)
            heard = set()
            while heard < wanted:
                heard.update((await socket.hear(is_hint("workloads")))["hint"])
            await socket.silent(is_hint("workloads"), 0.2)
        assert heard == wanted


async def test_who_is_given_another_project_hears_of_it_and_is_asked_to_fetch_afresh(
    connect, ada, blue, ada_training, monkeypatch
):
    monkeypatch.setattr(consumer, "CHECK_SECONDS", 0.2)
    async with connect(ada) as socket:
        await hub_is_live(socket)
        await subscribed(socket, "workloads")
        await asyncio.to_thread(AccessRule.objects.create, user=ada, project=blue, role=Role.VIEWER)
        await socket.hear(lambda message: message.get("subscribed"))
        await asyncio.to_thread(publish, (f"workloads:{blue.pk}", [5]))
        assert (await socket.hear(is_hint("workloads")))["hint"] == [5]


async def test_who_loses_one_of_two_projects_hears_of_the_other_alone(
    connect, ada, blue, ada_training, monkeypatch
):
    rule = await asyncio.to_thread(AccessRule.objects.create, user=ada, project=blue, role=Role.VIEWER)
    monkeypatch.setattr(consumer, "CHECK_SECONDS", 0.2)
    async with connect(ada) as socket:
        await hub_is_live(socket)
        await subscribed(socket, "workloads")
        await asyncio.to_thread(rule.delete)
        await socket.hear(lambda message: message.get("subscribed"))
        red = ada_training.project_id
        await asyncio.to_thread(publish, (f"workloads:{blue.pk}", [5]), (f"workloads:{red}", [6]))
        assert (await socket.hear(is_hint("workloads")))["hint"] == [6]
        await socket.silent(is_hint("workloads"), 0.2)


def _new_password(user):
    user.set_password("another long password")
    user.save()


async def test_signing_out_closes_the_sockets_of_that_session_at_once(server, ada):
    client = Client()
    await asyncio.to_thread(client.force_login, ada)
    name = settings.SESSION_COOKIE_NAME
    cookie = f"{name}={client.cookies[name].value}"
    address, headers = f"ws://127.0.0.1:{server}/live", {"Cookie": cookie}
    async with websockets.connect(
        address, origin=settings.ORIGINS[0], additional_headers=headers
    ) as open_one:
        socket = Socket(open_one)
        await hub_is_live(socket)
        await asyncio.to_thread(client.post, "/sign-out/")
        assert await socket.closed() == consumer.NOT_SIGNED_IN


ENDS = {
    "signed out": lambda user: Session.objects.all().delete(),
    "expired": lambda user: Session.objects.update(expire_date=timezone.now()),
    "a new password": _new_password,
    "disabled": lambda user: type(user).objects.filter(pk=user.pk).update(is_active=False),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_session_that_ends_closes_the_socket(connect, ada, monkeypatch, end):
    monkeypatch.setattr(consumer, "CHECK_SECONDS", 0.2)
    async with connect(ada) as socket:
        await asyncio.to_thread(ENDS[end], ada)
        assert await socket.closed() == consumer.NOT_SIGNED_IN


async def test_an_idle_socket_stays_up_for_thirty_seconds_and_then_still_hears(connect, ada, ada_training):
    async with connect(ada) as socket:
        await hub_is_live(socket)
        await subscribed(socket, "workloads")
        pings = 0
        async with asyncio.timeout(120):
            while pings < 2:  # one each 15 s
                await socket.hear(lambda message: "ping" in message)
                await socket.say(pong=pings)
                pings += 1
        await asyncio.to_thread(publish, (f"workloads:{ada_training.project_id}", [1]))
        assert (await socket.hear(is_hint("workloads")))["hint"] == [1]


async def test_the_log_of_a_pod_the_cluster_does_not_answer_for_says_so(connect, ada, ada_training):
    pod = await asyncio.to_thread(make_pod, ada_training)
    async with connect(ada) as socket:
        await subscribed(socket, f"log:{pod.pk}/main")
        message = await socket.hear(lambda m: "note" in m)
        assert "kubeconfig" in message["note"]


async def test_lines_of_a_log_come_as_bytes_that_say_which_they_are(connect, ada, ada_training, monkeypatch):
    pod = await asyncio.to_thread(make_pod, ada_training)
    played = Script([line(1, "one") + line(2, "two \N{ROCKET}"), WAIT])
    monkeypatch.setattr(log_feeds.logs, "follow", played.follow)
    monkeypatch.setattr(log_feeds, "_feeds", {})
    async with connect(ada) as socket:
        await socket.say(subscribe=f"log:{pod.pk}/main", **{"from": 1})
        head, _, text = (await socket.bytes()).partition(b"\n")
    played.go_on.set()
    assert json.loads(head) == {"topic": f"log:{pod.pk}/main", "from": 1, "count": 1}
    assert text == line(2, "two \N{ROCKET}")
