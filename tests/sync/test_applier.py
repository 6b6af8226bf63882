"""One bad object spoils nothing else of its batch; what is no object's fault is nobody's."""

import pytest
from django.db import ProgrammingError

from runyard.sync import applier, lease
from tests.workloads.test_observing import job
from workloads.models import Workload


@pytest.fixture
def apply(cluster, red):
    epoch = lease.take(cluster)
    assert epoch
    return applier.Applier(cluster, epoch)


def fails_for(monkeypatch, uid, error):
    """Have `observe` raise `error` for batches with `uid`; how many objects it was asked for each time."""
    asked, observe = [], applier.observe

    def fail(cluster, seen):
        asked.append(len(seen))
        if uid in {one.uid for one in seen}:
            raise error
        return observe(cluster, seen)

    monkeypatch.setattr(applier, "observe", fail)
    return asked


def jobs(count):
    return [job(f"job-{number}", name=f"job-{number}") for number in range(count)]


def test_a_bad_object_is_found_by_halves_and_all_others_are_written(apply, monkeypatch):
    asked = fails_for(monkeypatch, "job-21", ValueError("odd"))
    apply.apply(jobs(64))
    assert apply.bad == {"job-21": "ValueError: odd"}
    assert Workload.objects.count() == 63
    assert len(asked) == 2 * 6 + 1, "64 are halved six times, and each half is tried"


def test_a_bad_object_that_is_good_again_is_quarantined_no_more(apply, monkeypatch):
    with monkeypatch.context() as patch:
        fails_for(patch, "job-1", ValueError("odd"))
        apply.apply(jobs(3))
    apply.apply(jobs(3))
    assert not apply.bad
    assert Workload.objects.count() == 3


def test_a_database_of_another_version_is_no_objects_fault(apply, monkeypatch):
    fails_for(monkeypatch, "job-1", ProgrammingError("column does not exist"))
    with pytest.raises(ProgrammingError):
        apply.apply(jobs(3))
    assert not apply.bad
