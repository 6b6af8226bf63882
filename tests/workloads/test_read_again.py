"""After an upgrade rows are read once more: objects that do not change tell what rows did not hold yet."""

from importlib import import_module

import pytest
from django.db import connection

from runyard.sync.known import known
from runyard.sync.source import Part
from runyard.sync.store import Store
from tests.workloads.test_observing import job, pod
from workloads.models import Pod, SpecChange, Workload
from workloads.observing import observe

pytestmark = pytest.mark.django_db


def listed(cluster, resource, *seen):
    """A list of `resource` after a start of the sync, as far as it is news."""
    store = Store(resource, known(cluster, resource))
    return observe(cluster, list(store.replace([Part("9", [one.object for one in seen])])))


def upgraded():
    with connection.cursor() as cursor:
        for statement in import_module("workloads.migrations.0022_read_again").READ_AGAIN:
            cursor.execute(statement)


def test_what_did_not_change_is_read_once_more(cluster, red):
    claim = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "corpus"}}]}
    found, its = job(), pod()
    mounting = job(spec={"template": {"spec": claim}}).object.spec.template.spec
    found.object.spec.template.spec.volumes = mounting.volumes
    its.object.metadata.labels = {"runai-gpu-group": "9f2c"}
    observe(cluster, [found, its])
    Workload.objects.update(data_sources=[])
    Pod.objects.update(gpu_groups=[])
    upgraded()
    assert listed(cluster, "jobs", found) == 1
    listed(cluster, "pods", its)
    assert Workload.objects.get().data_sources == ["corpus (PVC)"]
    assert Pod.objects.get().gpu_groups == ["9f2c"]
    assert listed(cluster, "jobs", found) == 0, "once"


def test_what_has_nothing_more_to_tell_stays_as_it_is(cluster, red):
    observe(cluster, [job()])
    version = Workload.objects.get().version
    upgraded()
    assert listed(cluster, "jobs", job()) == 0
    assert (Workload.objects.get().version, Workload.objects.get().resource_version) == (version, "1")


def test_what_changed_meanwhile_is_told_as_a_change(cluster, red):
    observe(cluster, [job()])
    upgraded()
    listed(cluster, "jobs", job(version="2", labels={"team": "b"}))
    assert [change.field for change in SpecChange.objects.all()] == ["labels"]
