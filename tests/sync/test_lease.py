"""One worker at a time writes for a cluster; one that lost its lease writes nothing."""

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
