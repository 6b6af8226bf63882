"""A training from submission to deletion, on a real embedded cluster, through the rows alone."""

from contextlib import suppress

import pytest
from django.db import IntegrityError

from tests.embedded import until
from workloads import actions, logs, tasks
from workloads.models import Event, PhaseChange, Workload
from workloads.spec import WorkloadSpec
from workloads.status import Phase

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Perform actions in the caller's thread: Celery's part is tested where it runs for real."""
    monkeypatch.setattr(tasks, "wake", tasks.perform)
    monkeypatch.setattr(tasks, "wake_all", lambda pks: [tasks.perform(pk) for pk in pks])


def spec(name, **fields):
    return WorkloadSpec(name=name, image="python:3.11", **{"command": "python -c 'print(42)'", **fields})


def phase(workload, wanted):
    def reached():
        workload.refresh_from_db()
        return workload.phase == wanted

    until(reached, what=f"{workload.name} to be {wanted}; it is {workload.phase} {workload.message}")
    return workload


@pytest.fixture
def lab(dee, syncing):
    """The project whose namespace every cluster has."""
    from runyard.tenancy.models import Department, Project

    department = Department.objects.create(name="lab")
    return Project.objects.create(name="lab", department=department, namespace="default")


def test_a_training_runs_stops_runs_again_completes_and_is_deleted(dee, lab, syncing):
    sleeper = "python -c \"import time; print('up', flush=True); time.sleep(60)\""
    workload = actions.submit(dee, lab, syncing, spec("story", command=sleeper))
    assert workload.phase == Phase.CREATING
    phase(workload, Phase.RUNNING)
    pod = workload.pods.get(gone_at=None)
    assert (workload.pods_running, workload.nodes) == (1, [pod.node])
    assert until(lambda: logs.tail(pod, "main", 10).lines)[0][1] == "up"

    actions.stop(workload, dee)
    phase(workload, Phase.STOPPED)
    assert workload.pods_running == 0
    actions.run(workload, dee)
    phase(workload, Phase.RUNNING)

    actions.delete(workload, dee)
    until(lambda: Workload.objects.get(pk=workload.pk).deleted_at, what="its deletion")
    assert not workload.pods.filter(gone_at=None).exists()
    phases = list(
        PhaseChange.objects.filter(workload=workload).order_by("id").values_list("phase", flat=True)
    )
    assert [p for p in phases if p != Phase.STOPPING][:1] == [Phase.CREATING]
    for wanted in (
        Phase.PENDING,
        Phase.INITIALIZING,
        Phase.RUNNING,
        Phase.STOPPED,
        Phase.RESUMING,
        Phase.DELETING,
    ):
        assert wanted in phases, phases


def test_a_short_training_completes_with_events(dee, lab, syncing):
    workload = actions.submit(dee, lab, syncing, spec("short"))
    phase(workload, Phase.COMPLETED)
    assert workload.completed_at
    until(lambda: Event.objects.filter(workload=workload, reason="Scheduled").exists(), what="its events")


def test_a_failing_training_says_its_exit_code(dee, lab, syncing):
    workload = actions.submit(dee, lab, syncing, spec("fails", command="python -c 'raise SystemExit(3)'"))
    phase(workload, Phase.FAILED)  # the Job may tell before its pod does
    until(lambda: Workload.objects.filter(pk=workload.pk, message="exit code 3"), what="the exit code")


def test_a_gpu_that_is_not_there_keeps_it_pending_with_the_reason(dee, lab, syncing):
    workload = actions.submit(dee, lab, syncing, spec("gpus", gpus="64"))
    phase(workload, Phase.PENDING)
    words = "64 GPUs asked for, the largest node has 0 GPUs"
    until(lambda: Workload.objects.filter(pk=workload.pk, message=words), what="the reason")
    actions.delete(workload, dee)


def test_a_third_party_job_becomes_a_row(dee, lab, syncing):
    from runyard.clusters.connection import connect

    manifest = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "theirs"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "c", "image": "x", "command": ["true"]}]}}},
    }  # fmt: skip
    connect(syncing).create("/apis/batch/v1/namespaces/default/jobs", manifest)
    found = until(lambda: Workload.objects.filter(name="theirs").first(), what="the row")
    phase(found, Phase.COMPLETED)
    assert (found.project, found.submitted_through, found.created_by) == (lab, "cluster", None)


def forgotten(workload):
    """False where an event of it came in between."""
    with suppress(IntegrityError):
        Workload.objects.filter(pk=workload.pk).delete()
        return True
    return False


def test_a_refused_manifest_fails_with_the_clusters_words(dee, lab, syncing):
    workload = actions.submit(dee, lab, syncing, spec("twice"))
    phase(workload, Phase.COMPLETED)
    until(lambda: forgotten(workload), what="the row to be gone")  # the cluster does not forget it
    again = actions.submit(dee, lab, syncing, spec("twice"))
    phase(again, Phase.FAILED)
    assert "already exists" in again.message
