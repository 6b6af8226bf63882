"""Logs outlive their pods, on a real embedded cluster: kept while written, and read alike ever after."""

import threading

import pytest
from django.db import connections

from tests.embedded import until
from workloads import actions, logs, tasks
from workloads.keeping.collecting import Collector
from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import LocalStore, Store
from workloads.models import Pod, Workload
from workloads.spec import TrainingSpec
from workloads.status import Phase

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Perform actions in the caller's thread: Celery's part is tested where it runs for real."""
    monkeypatch.setattr(tasks, "wake", tasks.perform)
    monkeypatch.setattr(tasks, "wake_all", lambda pks: [tasks.perform(pk) for pk in pks])


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Where logs are kept."""
    found = Store(LocalStore(tmp_path / "kept", mkdir=True, automatic_cleanup=True))
    monkeypatch.setattr("workloads.keeping.chunks.store", lambda: found)
    return found


@pytest.fixture
def lab(dee, syncing):
    """The project whose namespace every cluster has."""
    from runyard.tenancy.models import Department, Project

    department = Department.objects.create(name="lab")
    return Project.objects.create(name="lab", department=department, namespace="default")


@pytest.fixture
def collecting(store, monkeypatch):
    """`collecting()` starts a collector in this process; all end with the test."""
    monkeypatch.setattr("workloads.keeping.collecting.TICK_SECONDS", 0.1)
    monkeypatch.setattr("workloads.keeping.collecting.SCAN_SECONDS", 0.0)
    running = []

    def start(most=50):
        stop, collector = threading.Event(), Collector(store, most)

        def run():
            try:
                collector.run(stop)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        running.append((stop, collector, thread))
        return collector

    yield start
    for stop, collector, thread in running:
        stop.set()
        collector.wake()
        thread.join(20)
        assert not thread.is_alive()


def submit(person, project, cluster, name, script, **fields):
    command = f'python -u -c "{script}"'
    return actions.submit(
        person, project, cluster, TrainingSpec(name=name, image="python:3.11", command=command, **fields)
    )


def reach(workload, phase):
    until(lambda: Workload.objects.get(pk=workload.pk).phase == phase, what=f"{workload.name} to be {phase}")


def texts(page):
    return [text for _, text in page.lines]


def test_a_log_is_kept_while_it_is_written_and_read_alike_when_pod_and_workload_are_gone(
    dee, lab, syncing, collecting
):
    collecting()
    script = "import time; [print('line', n) for n in range(500)]; time.sleep(60)"
    workload = submit(dee, lab, syncing, "kept", script)
    reach(workload, Phase.RUNNING)
    pod = Pod.objects.select_related("cluster").get(workload=workload)
    live = until(lambda: (page := logs.tail(pod, "main", 1000)).total == 500 and page, what="the live log")
    until(lambda: KeptLog.objects.filter(pod=pod).exclude(holder="").exists(), what="a collector to take it")

    actions.delete(workload, dee)
    until(lambda: Workload.objects.get(pk=workload.pk).deleted_at, what="its deletion")
    until(lambda: KeptLog.objects.get(pod=pod).complete, what="the kept log to be complete")
    pod.refresh_from_db()
    assert pod.gone_at
    gone = logs.tail(pod, "main", 1000)
    assert (gone.first, gone.lines, gone.total, gone.error) == (live.first, live.lines, 500, "")
    assert texts(gone)[:2] == ["line 0", "line 1"]
    assert b"".join(logs.whole(pod, "main")).splitlines()[499] == b"line 499"
    assert texts(logs.lines(pod, "main", 250, 3)) == ["line 250", "line 251", "line 252"]
    assert logs.search(pod, "main", "line 49").numbers == [49, *range(490, 500)]


def test_a_container_that_ends_before_anybody_looks_is_read_once_after_its_end(dee, lab, syncing, collecting):
    workload = submit(dee, lab, syncing, "quick", "print('so quick')")
    reach(workload, Phase.COMPLETED)
    collecting()
    log = until(lambda: KeptLog.objects.filter(complete=True, pod__workload=workload).first(), what="its log")
    assert (log.lines, log.notes, KeptChunk.objects.get(log=log).lines) == (1, [], 1)
