"""Logs outlive their pods, on a real embedded cluster: kept while written, and read alike ever after."""

import threading

import pytest
from django.db import connections

from runyard.clusters.connection import connect
from tests.embedded import until
from tests.syncing import process
from workloads import actions, logs, tasks
from workloads.keeping import writing
from workloads.keeping.collecting import Collector
from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import LocalStore, Store
from workloads.keeping.text import unpack
from workloads.models import Pod, Workload
from workloads.spec import WorkloadSpec
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
    yield Project.objects.create(name="lab", department=department, namespace="default")
    for name in Workload.objects.filter(deleted_at=None).values_list("name", flat=True):
        connect(syncing).delete(f"/apis/batch/v1/namespaces/default/jobs/{name}")


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
        thread.join(60)
        assert not thread.is_alive()


def submit(person, project, cluster, name, script):
    command = f'python -u -c "{script}"'
    return actions.submit(
        person,
        project,
        cluster,
        WorkloadSpec(name=name, image="python:3.11", command=command, cpu="0.01", memory="64Mi"),
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


def test_each_run_of_a_container_that_starts_again_is_a_log_of_its_own(
    local_cluster, lab, syncing, collecting, tmp_path
):
    collecting()
    # Each run ends when the test says so: the cluster has the log of the first as long as the second goes on.
    ends = f"until test -e {tmp_path}/read-$n; do sleep 0.05; done"
    script = f"n=$(wc -l < {tmp_path}/runs); echo x >> {tmp_path}/runs; date +%N; echo again; {ends}; exit 3"
    (tmp_path / "runs").touch()
    (tmp_path / "read-0").touch()
    container = {"name": "main", "image": "python:3.11", "command": ["sh", "-c", script]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "restarts"},
        "spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [container]}}},
    }
    connect(local_cluster).create("/apis/batch/v1/namespaces/default/jobs", job)
    done = KeptLog.objects.filter(complete=True, pod__workload__name="restarts")
    until(lambda: done.filter(instance=0).exists(), what="the first run")
    (tmp_path / "read-1").touch()
    until(lambda: done.filter(instance=1).exists(), what="the second run")
    for log in done.order_by("instance")[:2]:
        assert (log.lines, log.notes) == (2, [])
    pod = Pod.objects.select_related("cluster").get(workload__name="restarts")
    latest = logs.tail(pod, "main", 10)
    before = logs.tail(pod, "main", 10, previous=True)
    assert (texts(before)[1:], len(before.lines)) == (["again"], 2)
    assert latest.lines[:1] != before.lines[:1]


COLLECT = """
import sys, threading
from pathlib import Path
from workloads.keeping import collecting, writing
from workloads.keeping.store import LocalStore, Store
from workloads.keeping.text import unpack
collecting.TICK_SECONDS = collecting.SCAN_SECONDS = 0.1
writing.CHUNK_SECONDS = 0.2
collecting.Collector(Store(LocalStore(Path(sys.argv[1]), mkdir=True))).run(threading.Event())
"""


def test_a_collector_that_is_killed_is_followed_by_one_that_goes_on_where_it_was(
    dee, lab, syncing, store, tmp_path
):
    # It writes on when the test says so: each collector finds some of it, however slow the machine.
    script = (
        "import os, time\n"
        "for n in range(2500):\n"
        f"  while n in (300, 1000) and not os.path.exists('{tmp_path}/go-%d' % n): time.sleep(0.05)\n"
        "  print('line', n)\n"
        "time.sleep(60)"
    )
    workload = submit(dee, lab, syncing, "killed", script)
    reach(workload, Phase.RUNNING)
    kept = KeptLog.objects.filter(pod__workload=workload)
    for wanted in (300, 1000, 2500):
        with process(COLLECT, tmp_path / "kept"):
            until(lambda wanted=wanted: kept.filter(lines__gte=wanted).exists(), what=f"{wanted} lines")
        (tmp_path / f"go-{wanted}").touch()
    pod = Pod.objects.select_related("cluster").get(workload=workload)
    log = kept.get()
    chunks = KeptChunk.objects.filter(log=log).order_by("first_line")
    text = b"".join(unpack(store.get(chunk.key)) for chunk in chunks)
    assert [line.split(b" ", 1)[1] for line in text.splitlines()] == [b"line %d" % n for n in range(2500)]
    assert (log.lines, log.notes) == (2500, [])
    assert log.epoch >= 2, "one went on where another was killed"
    assert texts(logs.tail(pod, "main", 3000)) == [f"line {n}" for n in range(2500)]


def test_two_collectors_share_the_work_and_write_no_line_twice(dee, lab, syncing, store, collecting):
    collecting(), collecting()
    script = "import time; [print('line', n) or time.sleep(0.001) for n in range(500)]"
    found = [submit(dee, lab, syncing, f"shared-{number}", script) for number in range(3)]
    done = KeptLog.objects.filter(complete=True, pod__workload__in=found)
    until(lambda: done.count() == 3, what="three logs")
    assert [log.lines for log in done] == [500] * 3
    assert [log.epoch for log in done] == [1] * 3


def test_more_logs_than_streams_take_turns(dee, lab, syncing, store, collecting, monkeypatch):
    monkeypatch.setattr("workloads.keeping.collecting.TURN_SECONDS", 0.3)
    script = "import time; [print('line', n) or time.sleep(0.01) for n in range(200)]; time.sleep(60)"
    found = [submit(dee, lab, syncing, f"turns-{number}", script) for number in range(3)]
    for workload in found:
        reach(workload, Phase.RUNNING)
    collecting(most=1)
    rows = KeptLog.objects.filter(pod__workload__in=found)
    until(lambda: rows.filter(lines=200).count() == 3, what="all three to be read")
    assert [log.notes for log in rows] == [[]] * 3


def test_a_silent_log_holds_no_database_connection(dee, lab, syncing, store, collecting, monkeypatch):
    seen = []
    written = writing.Writer.flush

    def flush(writer):
        had_text = bool(writer._text)
        written(writer)
        if had_text and threading.current_thread().name.startswith("keep-"):
            seen.append(connections["default"].connection)

    monkeypatch.setattr(Collector, "_share", lambda self: 1)
    monkeypatch.setattr(writing.Writer, "flush", flush)
    collecting()
    workload = submit(dee, lab, syncing, "silent", "import time; print('once'); time.sleep(60)")
    until(lambda: KeptLog.objects.filter(pod__workload=workload, lines=1).exists(), what="its line")
    assert seen
    assert all(found is None or found.closed for found in seen)
