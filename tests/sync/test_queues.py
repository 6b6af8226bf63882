"""Following a cluster takes half an hour: it has a queue of its own, which every way to run serves."""

import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from celery.beat import Service
from celery.signals import beat_init

from runyard import beat
from runyard.celery import app
from runyardctl.home import Home
from runyardctl.product_services import worker

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


@pytest.fixture(autouse=True)
def all_tasks():
    app.loader.import_default_modules()


def queue_of(task):
    return app.amqp.router.route({}, task)["queue"].name


def queues_in(words):
    return set(words[words.index("--queues") + 1].split(","))


def test_what_the_beat_sends_by_name_is_there_to_run_and_in_the_same_queues():
    for entry in beat.app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert beat.app.amqp.router.route({}, entry["task"])["queue"].name == queue_of(entry["task"])


def test_a_beat_of_the_workers_app_ends_in_words():
    with pytest.raises(SystemExit, match="start the beat by"):
        beat_init.send(sender=Service(app))


def compose_workers():
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    commands = [shlex.split(str(service.get("command", ""))) for service in services]
    return [queues_in(words) for words in commands if "--queues" in words]


def test_following_waits_in_no_line_with_actions():
    assert queue_of("sync.follow") == "sync"
    for task in ("sync.ensure", "workloads.reap", "workloads.perform"):
        assert task in app.tasks
        assert queue_of(task) == "celery"


@pytest.mark.parametrize("how", ["embedded", "compose"])
def test_every_queue_has_a_worker(how, tmp_path):
    product = SimpleNamespace(home=Home(tmp_path))
    served = [queues_in(worker(product).words)] if how == "embedded" else compose_workers()
    assert set.union(*served) == {queue_of(task) for task in app.tasks if not task.startswith("celery.")}


def test_compose_gives_following_a_worker_of_its_own():
    assert {"sync"} in compose_workers()
