"""Who may act, what a state allows, and that nothing is lost or done twice."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from runyard.clusters.connection import ApiError, Unreachable
from runyard.clusters.objects import Meta
from runyard.tenancy.access import Denied
from tests.make import make_workload
from workloads import actions, tasks
from workloads.actions import Invalid
from workloads.models import Action, Verb, Workload
from workloads.policies import Refused
from workloads.spec import WorkloadSpec
from workloads.status import Phase


class FakeConnection:
    """Stands where a cluster would; keeps a ledger of what was asked of it."""

    def __init__(self):
        self.ledger, self.fail_with = [], []

    def _answer(self, *entry):
        self.ledger.append(entry)
        if self.fail_with:
            raise self.fail_with.pop(0)
        return "uid-of-" + entry[1].rsplit("/", 1)[-1]

    def create(self, path, manifest):
        return self._answer("create", f"{path}/{manifest['metadata']['name']}")

    def patch(self, path, change):
        return self._answer("patch", path, change["spec"]["suspend"])

    def delete(self, path, uid=""):
        return self._answer("delete", path, uid)

    def meta(self, path):
        return Meta(name="new-run", uid="theirs")


@pytest.fixture
def api(monkeypatch):
    fake = FakeConnection()
    monkeypatch.setattr(tasks, "connect", lambda cluster: fake)
    return fake


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """The ids that Celery would have been woken for."""
    found = []
    monkeypatch.setattr(tasks, "wake", found.append)
    monkeypatch.setattr(tasks, "wake_all", found.extend)
    return found


def training(name="new-run", **fields):
    return WorkloadSpec(name=name, image="torch:2", command="python train.py", **fields)


def test_ada_submits_and_the_action_waits_beside_the_row(
    ada, red, cluster, woken, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        workload = actions.submit(ada, red, cluster, training(gpus="2"))
    action = workload.actions.get()
    assert (workload.phase, workload.gpu_millis, workload.created_by) == (Phase.CREATING, 2000, ada)
    assert (action.verb, action.state, woken) == ("create", "queued", [action.pk])


@pytest.mark.parametrize("person", ["eve", "vi"])
def test_who_may_not_create_creates_nothing(person, red, cluster, request):
    with pytest.raises(Denied):
        actions.submit(request.getfixturevalue(person), red, cluster, training())
    assert not Workload.objects.exists()


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.RUN, Verb.DELETE])
@pytest.mark.parametrize("person", ["eve", "vi"])
def test_who_may_not_act_changes_nothing(person, verb, ada_training, request):
    before = Workload.objects.values().get(pk=ada_training.pk)
    with pytest.raises(Denied):
        actions.VERBS[verb](ada_training, request.getfixturevalue(person))
    assert Workload.objects.values().get(pk=ada_training.pk) == before
    assert not Action.objects.exists()


def test_a_name_that_is_taken_is_said_at_the_field(ada, red, cluster):
    actions.submit(ada, red, cluster, training("one"))
    with pytest.raises(Invalid) as error:
        actions.submit(ada, red, cluster, training("one"))
    assert "already" in error.value.fields["name"]


def test_a_stopped_training_runs_again(ada, ada_training):
    actions.stop(ada_training, ada)
    ada_training.refresh_from_db()
    assert (ada_training.phase, ada_training.desired) == (Phase.STOPPING, "Stopped")
    with pytest.raises(Refused, match="already stopping"):
        actions.stop(ada_training, ada)
    actions.run(ada_training, ada)
    ada_training.refresh_from_db()
    assert ada_training.desired == "Running"


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.FAILED])
@pytest.mark.parametrize("verb", [Verb.STOP, Verb.RUN])
def test_what_has_ended_is_neither_stopped_nor_run(ada, red, cluster, phase, verb):
    workload = make_workload(red, cluster, phase=phase, terminal=phase)
    words = {Verb.STOP: "nothing left to stop", Verb.RUN: "Copy it to run it again"}[verb]
    with pytest.raises(Refused, match=words):
        actions.VERBS[verb](workload, ada)


def test_bulk_says_what_became_of_each(ada, red, cluster, ada_training, eve_training):
    done = make_workload(red, cluster, phase=Phase.COMPLETED, terminal="Completed")
    outcome = actions.bulk([ada_training.pk, done.pk, eve_training.pk], Verb.STOP, ada)
    assert outcome.succeeded == [ada_training.pk]
    assert [(one.id, one.name, one.code) for one in outcome.failed] == [
        (done.pk, done.name, "Refused"),
        (eve_training.pk, "", "NotFound"),
    ]


def test_performing_binds_the_clusters_uid(ada, red, cluster, api):
    workload = actions.submit(ada, red, cluster, training())
    tasks.perform(workload.actions.get().pk)
    workload.refresh_from_db()
    assert (workload.uid, workload.actions.get().state) == ("uid-of-new-run", "done")


def test_performing_twice_asks_once(ada, red, cluster, api):
    action = actions.submit(ada, red, cluster, training()).actions.get()
    tasks.perform(action.pk)
    tasks.perform(action.pk)
    assert len(api.ledger) == 1


def test_a_creation_that_succeeded_before_we_died_is_recognised(ada, red, cluster, api, monkeypatch):
    workload = actions.submit(ada, red, cluster, training())
    ours = Meta(name="new-run", uid="first-try", labels={"runyard.io/workload": str(workload.key)})
    monkeypatch.setattr(api, "meta", lambda path: ours)
    api.fail_with = [ApiError(409, "AlreadyExists", "jobs new-run already exists")]
    tasks.perform(workload.actions.get().pk)
    workload.refresh_from_db()
    assert (workload.uid, workload.phase) == ("first-try", Phase.CREATING)


def test_a_name_somebody_else_has_on_the_cluster_fails_with_its_words(ada, red, cluster, api):
    workload = actions.submit(ada, red, cluster, training())
    api.fail_with = [ApiError(409, "AlreadyExists", "jobs new-run already exists")]
    tasks.perform(workload.actions.get().pk)
    workload.refresh_from_db()
    assert (workload.phase, workload.message) == (Phase.FAILED, "jobs new-run already exists")


def test_a_cluster_that_does_not_answer_is_tried_again_later(ada, red, cluster, api):
    action = actions.submit(ada, red, cluster, training()).actions.get()
    api.fail_with = [Unreachable("no answer")]
    tasks.perform(action.pk)
    action.refresh_from_db()
    assert (action.state, action.error, action.attempts) == ("queued", "no answer", 1)
    assert action.due_at > timezone.now()
    Action.objects.update(due_at=timezone.now())
    tasks.perform(action.pk)
    action.refresh_from_db()
    assert action.state == "done"


def test_the_reaper_finds_what_a_killed_worker_left(ada, red, cluster, woken):
    action = actions.submit(ada, red, cluster, training()).actions.get()
    assert tasks._claim(action.pk)  # and the worker is killed here
    tasks.reap()
    assert woken == []  # somebody may still be at it
    Action.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    tasks.reap()
    assert woken == [action.pk]


def test_a_slow_worker_that_wakes_after_its_claim_writes_nothing(ada, red, cluster, api):
    workload = actions.submit(ada, red, cluster, training())
    slow = tasks._claim(workload.actions.get().pk)
    Action.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    tasks.perform(slow.pk)
    tasks._finish(slow, error="too late")
    workload.refresh_from_db()
    assert (workload.phase, workload.actions.get().state) == (Phase.CREATING, "done")


def test_actions_of_one_workload_keep_their_order(ada, red, cluster, api):
    workload = actions.submit(ada, red, cluster, training())
    stop = actions.stop(workload, ada)
    tasks.perform(stop.pk)
    assert api.ledger == []
    tasks.perform(workload.actions.order_by("pk").first().pk)
    tasks.perform(stop.pk)
    assert [entry[0] for entry in api.ledger] == ["create", "patch"]


def test_a_stop_the_cluster_refuses_shows_what_is(ada, ada_training, api):
    api.fail_with = [ApiError(403, "Forbidden", "jobs is forbidden")]
    tasks.perform(actions.stop(ada_training, ada).pk)
    ada_training.refresh_from_db()
    assert (ada_training.phase, ada_training.desired) == (Phase.RUNNING, "Running")
    assert ada_training.actions.get().error == "jobs is forbidden"


def test_deleting_what_the_cluster_never_took_removes_it(ada, red, cluster, api):
    workload = actions.submit(ada, red, cluster, training())
    api.fail_with = [ApiError(422, "Invalid", "spec is invalid")]
    tasks.perform(workload.actions.get().pk)
    workload.refresh_from_db()
    tasks.perform(actions.delete(workload, ada).pk)
    workload.refresh_from_db()
    assert workload.deleted_at
    assert [entry[0] for entry in api.ledger] == ["create"]


@pytest.mark.django_db(transaction=True)
def test_two_stops_at_once_become_one_action(ada, ada_training):
    barrier, refused = threading.Barrier(2), []

    def stop():
        try:
            barrier.wait(5)
            actions.stop(ada_training, ada)
        except Refused:
            refused.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=stop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (Action.objects.count(), refused) == (1, [1])


def test_a_slow_attempt_that_fails_late_does_not_undo_a_later_one(ada, ada_training, api):
    stop = actions.stop(ada_training, ada)
    slow = tasks._claim(stop.pk)
    Action.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    tasks.perform(stop.pk)
    tasks._retry(slow, Unreachable("timed out"))
    stop.refresh_from_db()
    assert (stop.state, len(api.ledger)) == ("done", 1)


def test_the_reaper_is_not_starved_by_what_must_wait(ada, red, cluster, woken):
    blocked = [make_workload(red, cluster) for _ in range(tasks.MOST_WOKEN + 1)]
    for workload in blocked:
        actions.stop(workload, ada)
    for workload in blocked:
        actions.delete(workload, ada)
    later = timezone.now() + timedelta(hours=1)
    Action.objects.filter(verb="stop").exclude(workload=blocked[-1]).update(due_at=later)
    tasks.reap()
    assert woken == [blocked[-1].actions.get(verb="stop").pk]


def test_a_refused_stop_does_not_undo_a_delete(ada, ada_training, api):
    stop = actions.stop(ada_training, ada)
    actions.delete(ada_training, ada)
    api.fail_with = [ApiError(403, "Forbidden", "jobs is forbidden")]
    tasks.perform(stop.pk)
    ada_training.refresh_from_db()
    assert (ada_training.phase, ada_training.desired) == (Phase.DELETING, "Deleted")


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.DELETE])
def test_what_the_cluster_has_no_more_is_gone(ada, ada_training, api, verb):
    api.fail_with = [ApiError(404, "NotFound", "jobs not found")]
    tasks.perform(actions.VERBS[verb](ada_training, ada).pk)
    ada_training.refresh_from_db()
    assert ada_training.deleted_at
    assert not ada_training.pods.filter(gone_at=None).exists()
