"""One worker at a time writes for a cluster; one that lost its lease writes nothing."""

import os
import socket
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from runyard.sync import lease, tasks
from runyard.sync.models import SyncState


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


@pytest.mark.parametrize("name", ["other-host", socket.gethostname()])
def test_what_the_living_and_other_machines_hold_stays_theirs(cluster, monkeypatch, name):
    monkeypatch.setattr(lease, "holder", lambda: f"{name}/{os.getpid()}")
    lease.take(cluster)
    lease.free_abandoned()
    assert lease.take(cluster) is None
