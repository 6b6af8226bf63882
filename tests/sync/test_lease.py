"""One worker at a time writes for a cluster; one that lost its lease writes nothing."""

import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import InternalError, connections
from django.utils import timezone

from runyard.clusters import absences
from runyard.clusters.models import Absence, Node
from runyard.sync import lease, tasks
from runyard.sync.models import SyncState
from runyard.sync.runner import Runner
from tests.embedded import until


def test_the_lease_is_taken_once(cluster):
    assert lease.take(cluster) == 1
    assert lease.take(cluster) is None


def test_a_lease_that_ran_out_is_taken_with_a_new_epoch(cluster):
    old = lease.take(cluster)
    SyncState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert lease.take(cluster) == old + 1


def test_a_worker_that_slept_through_its_lease_writes_nothing(cluster):
    old = lease.take(cluster)
    SyncState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    lease.take(cluster)
    with pytest.raises(lease.LeaseLost), lease.fenced(cluster, old):
        raise AssertionError("must not get here")
    with pytest.raises(lease.LeaseLost):
        lease.renew(cluster, old)


def test_a_released_lease_is_free_and_an_old_holder_cannot_release_it(cluster):
    old = lease.take(cluster)
    lease.release(cluster, old)
    new = lease.take(cluster)
    lease.release(cluster, old)
    assert new == old + 1
    assert lease.take(cluster) is None


def test_ensure_wakes_only_what_nobody_follows(cluster, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.follow, "apply_async", lambda args, **_: woken.append(args[0]))
    tasks.ensure()
    lease.take(cluster)
    tasks.ensure()
    assert woken == [cluster.pk]


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(cluster, monkeypatch):
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    monkeypatch.setattr(lease, "holder", lambda: f"{socket.gethostname()}/{dead.pid}")
    old = lease.take(cluster)
    lease.free_abandoned()
    assert lease.take(cluster) == old + 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_worker_s_own_clock_gives_it_no_lease_and_takes_it_none(cluster, monkeypatch, hours):
    now = timezone.now
    lease.take(cluster)
    monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(hours=hours))
    assert lease.take(cluster) is None
    lease.renew(cluster, 1)
    monkeypatch.undo()
    assert lease.take(cluster) is None
    SyncState.objects.update(expires_at=now() - timedelta(seconds=1))
    assert lease.take(cluster) == 2


@pytest.mark.parametrize("name", ["other-host", socket.gethostname()])
def test_what_the_living_and_other_machines_hold_stays_theirs(cluster, monkeypatch, name):
    monkeypatch.setattr(lease, "holder", lambda: f"{name}/{os.getpid()}")
    lease.take(cluster)
    lease.free_abandoned()
    assert lease.take(cluster) is None


# --- two workers, each with a connection of its own ---


@pytest.fixture
def beside(transactional_db):
    """`beside(what)`: it runs in another thread, with another connection, until the test ends."""
    with ThreadPoolExecutor(8) as others:

        def run(what, *words):
            try:
                return what(*words)
            finally:
                connections.close_all()

        yield partial(others.submit, run)


def run_out():
    SyncState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_no_two_workers_ever_have_the_same_epoch(beside, cluster):
    """However they come: each lease has run out before the next is taken."""

    def take_often():
        taken = []
        for _ in range(50):
            run_out()
            taken.append(lease.take(cluster))
        return [epoch for epoch in taken if epoch]

    lease.take(cluster)
    epochs = [epoch for one in [beside(take_often) for _ in range(6)] for epoch in one.result(60)]
    assert len(epochs) > 50
    assert sorted(epochs) == [*range(2, len(epochs) + 2)]


class Slow:
    """A worker that stands still in the middle of a write until it is told to go on."""

    def __init__(self, cluster, epoch):
        self.cluster, self.epoch = cluster, epoch
        self.writes, self.goes_on = threading.Event(), threading.Event()

    def write(self):
        with lease.fenced(self.cluster, self.epoch):
            Node.objects.create(cluster=self.cluster, name="late", uid="late")
            self.writes.set()
            assert self.goes_on.wait(60)
            Node.objects.update(name="later")


@pytest.fixture
def short(monkeypatch):
    """Leases have run out as soon as they are taken."""
    monkeypatch.setattr(lease, "LEASE", timedelta(0))


def test_nobody_takes_the_lease_while_its_holder_writes(beside, cluster, short):
    slow = Slow(cluster, lease.take(cluster))
    write = beside(slow.write)
    assert slow.writes.wait(60)
    assert lease.take(cluster) is None  # at once: no line of workers waits for it
    slow.goes_on.set()
    write.result(60)
    assert lease.take(cluster) == slow.epoch + 1
    assert Node.objects.get().name == "later"
    with pytest.raises(lease.LeaseLost):
        slow.write()


def test_who_stands_still_in_the_middle_of_a_write_is_not_waited_for(beside, cluster, short, monkeypatch):
    monkeypatch.setattr(lease, "IDLE", timedelta(seconds=1))
    slow = Slow(cluster, lease.take(cluster))
    write = beside(slow.write)
    assert slow.writes.wait(60)
    assert until(lambda: lease.take(cluster), what="the lease") == slow.epoch + 1
    slow.goes_on.set()
    with pytest.raises(InternalError, match="idle-in-transaction"):
        write.result(60)
    assert not Node.objects.exists()


def test_what_a_beat_says_of_a_cluster_is_said_at_once(beside, cluster, short, monkeypatch):
    """Nobody takes the lease between its parts, however long they take."""
    taken, away = [], absences.away

    def slowly(*words):
        taken.append(beside(lease.take, cluster).result(60))
        away(*words)

    monkeypatch.setattr(absences, "away", slowly)
    worker = Runner(cluster, lease.take(cluster), threading.Event())
    SyncState.objects.update(synced_at=timezone.now() - timedelta(hours=1))
    worker._beat()
    assert taken == [None]
    assert Absence.objects.count() == 1
