"""What changes in a specification on the cluster is told: the field, before and after, who, and no secret."""

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from runyard.clusters import objects
from runyard.clusters.observed import Seen
from tests.make import make_workload
from tests.workloads.test_observing import job, pod
from workloads.models import SpecChange
from workloads.observing import observe


def again(version="2", image="", generation=0, managers=(), **fields):
    """The job of `test_observing`, seen once more."""
    seen = job(version=version, **fields)
    found = seen.object
    found.metadata.generation = generation
    found.metadata.managed_fields = list(managers)
    if image:
        found.spec.template.spec.containers[0].image = image
    return Seen("jobs", seen.uid, found)


def rows():
    return list(SpecChange.objects.order_by("pk").values_list("field", "before", "after"))


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        ({"image": "torch:3"}, ("image", "torch:2", "torch:3")),
        ({"spec": {"suspend": True}}, ("suspended", "no", "yes")),
        ({"spec": {"backoffLimit": 0}}, ("retries", "6", "0")),
        ({"labels": {"team": "red"}}, ("labels", "", "team=red")),
    ],
)
def test_a_changed_field_is_told_with_before_and_after(red, cluster, changed, row):
    observe(cluster, [job(), again(**changed)])
    assert rows() == [row]


def test_amounts_are_told_in_the_units_people_read(red, cluster):
    observe(cluster, [job(), again(spec={"parallelism": 2, "completions": 2})])
    assert rows() == [
        ("gpu_millis", "2", "4"),
        ("cpu_millis", "0.5", "1"),
        ("memory_bytes", "1 GiB", "2 GiB"),
        ("pods_requested", "1", "2"),
        ("runs_requested", "1", "2"),
    ]


def test_nothing_is_told_of_what_is_seen_first_or_seen_again(red, cluster):
    make_workload(
        red, cluster, name="llama", uid=None, phase="Creating", image="other:1", resource_version=""
    )
    observe(cluster, [job(), pod()])
    observe(cluster, [job(), again(version="1", image="torch:3")])  # the same version: nothing new
    assert rows() == []


def test_a_change_of_what_is_not_kept_is_told_by_the_generation_alone(red, cluster):
    observe(cluster, [again("1", generation=1)])
    observe(cluster, [again("2", generation=2)])
    observe(cluster, [again("3", generation=2)])
    observe(cluster, [again("4", generation=3, image="torch:3")])
    assert rows() == [("", "", ""), ("image", "torch:2", "torch:3")]


def test_who_changed_it_and_when_comes_from_the_managed_fields(red, cluster):
    observe(cluster, [job()])
    seen_at = timezone.now()
    moment = seen_at.replace(microsecond=0)
    managers = [
        objects.ManagedField(manager="kubectl-edit", time=moment),
        objects.ManagedField(manager="kube-controller-manager", subresource="status", time=moment),
    ]
    observe(cluster, [again(image="torch:3", managers=managers)])
    change = SpecChange.objects.get()
    assert change.manager == "kubectl-edit"
    assert seen_at <= change.at < moment + timedelta(seconds=1)  # after what else is known of that second


def test_managed_fields_older_than_what_was_seen_name_nobody(red, cluster):
    observe(cluster, [job()])
    before = timezone.now().replace(year=2025)
    observe(
        cluster, [again(image="torch:3", managers=[objects.ManagedField(manager="kubectl", time=before)])]
    )
    assert SpecChange.objects.get().manager == ""


def test_no_secret_is_written(red, cluster):
    observe(cluster, [job(labels={"token": "one"}), again(labels={"token": "two"}, image="u:hunter2@x/y:1")])
    observe(cluster, [again("3", image="https://me:hunter2@registry/torch:3")])
    assert "hunter2@registry" not in str(rows())
    assert "two" not in str(rows())


def test_only_root_objects_are_read_with_their_writers():
    raw = b'{"metadata":{"name":"a","uid":"1","managedFields":[{"manager":"m","fieldsV1":{"f:spec":{}}}]},'
    root = msgspec.json.decode(raw + b'"spec":{"template":{"spec":{}}}}', type=objects.Job)
    assert [one.manager for one in root.metadata.managed_fields] == ["m"]
    assert not hasattr(msgspec.json.decode(raw + b'"spec":{}}', type=objects.Pod).metadata, "managed_fields")
