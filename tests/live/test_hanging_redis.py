"""A Redis that takes connections and never answers, ends them, or forgets everything: nobody waits for it,
everybody is told, and it heals.
"""

import asyncio
import socket
import threading
from contextlib import suppress

import pytest
import redis
from django.db import transaction
from django.test import Client
from django.urls import reverse

from runyard.kit import publish as publishing
from runyard.kit.publish import publish_on_commit
from runyard.live import hub
from runyardctl.valkey import Valkey
from tests.embedded import until
from tests.full import full, limit_to_tasks
from tests.live.test_socket import is_hint, subscribed

pytestmark = pytest.mark.django_db(transaction=True)


class Gate:
    """A TCP door to the real Valkey. While it `hangs` it takes connections and bytes, and answers nothing."""

    def __init__(self, path):
        self._path, self.hangs = path, False
        self.open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._path)
            self.open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        try:
            while data := one.recv(65536):
                if not self.hangs:  # what is said meanwhile is lost, as on a link that died
                    other.sendall(data)
        except OSError:
            pass
        finally:
            hang_up(one)
            hang_up(other)

    def close(self):
        for each in (self._listener, *self.open):
            hang_up(each)


def hang_up(end):
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def gate(valkey, settings):
    """Settings lead to Valkey through it, for who connects from now on."""
    kept = publishing._redis  # one client for the process
    found = Gate(settings.REDIS_URL.removeprefix("unix://"))
    settings.REDIS_URL = found.url
    kept.cache_clear()
    yield found
    found.close()
    kept.cache_clear()


async def test_sockets_are_told_and_are_live_again_once_it_answers(
    gate, connect, ada, ada_training, monkeypatch
):
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.3)
    async with connect(ada) as browser:
        await browser.hear(lambda message: message.get("state") == "live")
        await subscribed(browser, "workloads")
        gate.hangs = True
        told = await browser.hear(lambda message: message.get("state") == "stale")
        assert "Redis does not answer" in told["why"]
        gate.hangs = False
        await browser.hear(lambda message: message.get("state") == "live")
        await hears_of(ada_training, browser)


async def test_sockets_are_told_that_it_takes_no_tasks_until_it_does(valkey, connect, ada, monkeypatch):
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.5)
    async with connect(ada) as browser:
        await browser.hear(lambda message: message.get("state") == "live" and not message["why"])
        with redis.Redis.from_url(valkey) as administrator, full(administrator):
            told = await browser.hear(lambda message: message.get("state") == "live" and message["why"])
            assert "Redis is full" in told["why"]
            assert "Give it more maxmemory" in told["why"]
        await browser.hear(lambda message: message.get("state") == "live" and not message["why"])


async def test_sockets_hear_nothing_of_a_redis_that_refuses_the_probe_alone(
    tmp_path, settings, connect, ada, monkeypatch
):
    """Nor who its user is: what it says is not for everybody who is signed in."""
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.3)
    with Valkey(tmp_path).running() as url, redis.Redis.from_url(url) as administrator:
        limit_to_tasks(administrator)
        settings.REDIS_URL = f"{url}?username=worker&password=word"
        async with connect(ada) as browser:
            told = await browser.hear(lambda message: message.get("state") in ("live", "stale"))
            assert told == {"state": "live", "why": ""}
            administrator.acl_setuser("worker", reset_passwords=True, passwords=["+other"])
            administrator.execute_command("CLIENT KILL USER worker")
            told = await browser.hear(lambda message: message.get("state") == "stale")
            assert told["why"] == "Redis does not answer."


async def hears_of(workload, browser):
    """Hints of it come through, sooner or later: a busy machine may answer too late, and be asked anew."""
    hint = (f"workloads:{workload.project_id}", [workload.pk])
    heard = asyncio.create_task(browser.hear(is_hint("workloads")))
    while not heard.done():
        await asyncio.to_thread(publishing.publish, hint)
        await asyncio.wait([heard], timeout=1)
    assert (await heard)["hint"] == [workload.pk]


@pytest.mark.parametrize("command", ["CLIENT KILL TYPE pubsub", "CLIENT KILL TYPE normal", "FLUSHALL"])
async def test_who_listens_hears_on(valkey, connect, ada, ada_training, command):
    async with connect(ada) as browser:
        await browser.hear(lambda message: message.get("state") == "live")
        await subscribed(browser, "workloads")
        with redis.Redis.from_url(valkey) as administrator:
            for _ in range(3):
                administrator.execute_command(*command.split())
                await hears_of(ada_training, browser)


def is_answer(message):
    return message.get("state") == "stale" or "subscribed" in message


async def test_who_comes_while_it_hangs_gets_in_and_is_told(gate, connect, ada, ada_training, monkeypatch):
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.3)
    gate.hangs = True
    async with connect(ada) as browser:
        assert (await browser.hear(lambda message: "state" in message))["state"] == "connecting"
        await browser.say(subscribe="workloads")
        told = set()
        while told != {"subscribed", "stale"}:  # in either order
            told.add("subscribed" if "subscribed" in await browser.hear(is_answer) else "stale")


@pytest.mark.parametrize("answers", [True, False], ids=["hangs", "is not there"])
async def test_the_reader_can_be_ended_at_any_moment(gate, monkeypatch, answers):
    """Else a server that stops while Redis is away never ends."""
    monkeypatch.setattr(hub, "ANSWER_SECONDS", 0.02)
    gate.hangs = True
    if not answers:
        gate.close()
    for steps in range(60):
        reader = asyncio.create_task(hub.Hub(gate.url)._read())
        for _ in range(steps):
            await asyncio.sleep(0)
        if steps % 3 == 0:
            await asyncio.sleep(steps / 1_000)
        reader.cancel()
        async with asyncio.timeout(60):
            await asyncio.wait([reader])


def test_a_commit_does_not_wait_for_it(gate, db, monkeypatch, caplog):
    gate.hangs = True
    patient = redis.Redis.from_url(gate.url, socket_timeout=None)
    monkeypatch.setattr(publishing, "_redis", lambda: patient)
    with transaction.atomic():
        publish_on_commit(("workloads:1", [1]))
    until(lambda: gate.open, what="the background to have asked")
    assert "no hint sent" not in caplog.text
    gate.close()
    until(lambda: "no hint sent" in caplog.text, what="the background to give up")


def test_a_hint_that_cannot_be_sent_is_given_up_in_words(gate, monkeypatch, caplog):
    gate.hangs = True
    quick = redis.Redis.from_url(gate.url, socket_timeout=0.3)
    monkeypatch.setattr(publishing, "_redis", lambda: quick)
    publishing.publish(("workloads:1", [1]))
    assert "no hint sent, Redis does not answer" in caplog.text


def test_pages_are_answered_while_it_hangs(gate, ada, ada_training):
    gate.hangs = True
    client = Client()
    client.force_login(ada)
    assert client.get(reverse("workloads")).status_code == 200
    client.post("/sign-out/")  # publishes the session's end
    assert client.get(reverse("workloads")).status_code == 302
