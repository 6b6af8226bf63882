"""An observation that says nothing new costs next to nothing, and tells nobody anything."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runyard.clusters import objects
from runyard.clusters.observed import Seen
from runyard.tenancy.models import Department, Project
from tests.workloads.test_observing import job, pod
from workloads import transitions
from workloads.models import PhaseChange, Pod, SpecChange, Workload
from workloads.observing import observe


@pytest.fixture
def seen(red, cluster):
    observe(cluster, [job(), pod()])


@pytest.fixture
def told(monkeypatch):
    """The hints that are sent, by topic."""
    hints = []
    monkeypatch.setattr(transitions, "publish_on_commit", lambda *more: hints.extend(more))
    return hints


def of_people():
    """What people can see that a workload changed."""
    return Workload.objects.values_list("version", "changed_at", "phase_at", "desired").get()


def written(queries):
    return [one["sql"] for one in queries if one["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]


def test_a_job_whose_status_alone_changed_is_kept_at_its_version_and_no_more(seen, cluster, told):
    before = of_people()
    with CaptureQueriesContext(connection) as queries:
        assert observe(cluster, [job(version="2", active=1, ready=1)]) == 0
    assert of_people() == before
    assert Workload.objects.get().resource_version == "2"
    assert [one.split(" SET ")[1].split(" FROM ")[0] for one in written(queries)] == [
        '"resource_version" = new."resource_version"'
    ]
    assert not any(Pod._meta.db_table in one["sql"] for one in queries)
    assert not told


def test_a_pod_that_says_what_it_said_is_kept_at_its_version_and_no_more(seen, cluster, told):
    before = of_people()
    with CaptureQueriesContext(connection) as queries:
        assert observe(cluster, [pod(version="2")]) == 0
    assert of_people() == before
    assert Pod.objects.get().resource_version == "2"
    assert len(written(queries)) == 1
    assert not told


def test_the_same_change_among_others_of_its_workload_is_written_with_them(seen, cluster):
    version = Workload.objects.get().version
    with CaptureQueriesContext(connection) as queries:
        observe(cluster, [job(version="2", active=0), pod(version="2", ready=False), job(version="3")])
    assert len([one for one in written(queries) if Workload._meta.db_table in one]) == 1
    row = Workload.objects.get()
    assert (row.resource_version, row.version) == ("3", version + 1)


@pytest.mark.parametrize(
    "news",
    [
        job(version="2", labels={"team": "a"}),
        job(version="2", spec={"backoffLimit": 1}),
        job(version="2", spec={"suspend": True}),
        job(version="2", conditions=[{"type": "Complete", "status": "True"}]),
    ],
    ids=["labels", "retries", "suspended", "ended"],
)
def test_whatever_people_can_see_is_told(seen, cluster, news, told):
    version = Workload.objects.get().version
    assert observe(cluster, [news]) == 1
    assert Workload.objects.get().version == version + 1
    assert told


def test_a_project_made_since_is_found_by_a_job_that_says_nothing_new(cluster, db):
    observe(cluster, [job(namespace="late")])
    Project.objects.create(name="late", namespace="late", department=Department.objects.create(name="new"))
    assert observe(cluster, [job(version="2", namespace="late")]) == 1
    assert Workload.objects.get().project.namespace == "late"


def test_of_a_change_of_phase_only_what_changed_is_written(seen, cluster):
    with CaptureQueriesContext(connection) as queries:
        observe(cluster, [pod(version="2", ready=False)])
    updates = [one for one in written(queries) if one.startswith("UPDATE")]
    assert len(updates) == 2
    for never in ("name", "image", "labels", "created_at", "containers", "nodes"):
        assert not any(f'"{never}" = new' in one for one in updates)


def test_a_pod_that_is_gone_is_counted_no_more_though_nothing_else_is_told_of_its_workload(seen, cluster):
    observe(cluster, [Seen("pods", "pod-1")])
    assert Pod.objects.get().gone_at
    assert Workload.objects.get().pods_running == 0


def test_limits_are_kept_as_they_are_also_beyond_two_gibibytes(red, cluster):
    seen = pod()
    seen.object.spec.containers[0].resources = objects.Resources(limits={"memory": "80Gi", "cpu": "1500m"})
    observe(cluster, [job(), seen])
    kept = Pod.objects.get().containers[0]
    assert (kept["memory_limit"], kept["cpu_limit"]) == (80 * 2**30, 1500)


def test_history_and_specification_say_nothing_of_what_is_confirmed(seen, cluster):
    changes = PhaseChange.objects.count()
    observe(cluster, [job(version=str(version), active=version % 2) for version in range(2, 9)])
    assert PhaseChange.objects.count() == changes
    assert not SpecChange.objects.exists()
