"""Schedulers' own objects on their way into rows: kinds that need not be there, and Kueue's on a real API."""

import threading
from queue import Queue

import pytest

from runyard.clusters.connection import ApiError, connect
from runyard.clusters.scheduler_objects import KueueWorkload
from runyard.sync import follower as follower_module
from runyard.sync.follower import Follower
from runyard.sync.runner import OPTIONAL, Runner
from runyard.sync.source import Absent, Expired, Source, Watched
from runyard.sync.store import Store
from tests.embedded import until
from tests.sync.fakes import FakeApi, event
from workloads import actions, tasks
from workloads.models import Event, QueueEntry, Workload
from workloads.queueing import guarantees
from workloads.queueing.schedulers import SCHEDULERS
from workloads.status import Phase

CLAIMS = Watched(
    "workloads.kueue.x-k8s.io",
    "/v1beta2/workloads",
    KueueWorkload,
    optional=True,
    others=("/v1beta1/workloads",),
)


class Served(FakeApi):
    """Serves some paths, and refuses those in `refused` with their codes."""

    def __init__(self, lists=(), watches=(), refused=None):
        super().__init__(lists, watches)
        self.refused = refused or {}

    def read(self, method, path, params=None, read_seconds=30):
        if path in self.refused:
            raise ApiError(self.refused[path], "", "no")
        return super().read(method, path, params)

    def lines(self, path, params, read_seconds):
        if ("watch", path) in self.refused:
            raise ApiError(self.refused["watch", path], "", "no")
        self.asked.append(path)
        return super().lines(path, params, read_seconds)


def claim(uid, version, **fields):
    meta = {"uid": uid, "name": uid, "namespace": "red", "resourceVersion": str(version)}
    return {"metadata": meta, **fields}


def following(api, known=None):
    """A follower of claims that is told to stop once it looks for the second time; what it said."""
    inbox, stop = Queue(100), threading.Event()
    follower = Follower(Source(api, CLAIMS), Store(CLAIMS.resource, known), inbox, stop)
    follower._hurry.wait = lambda seconds: stop.set()  # the clock
    follower.follow()
    return follower, [(one.uid, one.object is not None) for one in inbox.queue]


# --- kinds that need not be there ---


def test_a_kind_that_is_not_there_is_no_trouble_and_its_objects_are_gone():
    nowhere = Served(refused={CLAIMS.path: 404, CLAIMS.others[0]: 404})
    follower, said = following(nowhere, {"a": "1"})
    assert (follower.error, follower.listed, said) == ("", True, [("a", False)])


def test_a_kind_that_may_not_be_read_is_named_and_its_objects_stay():
    follower, said = following(Served(refused={CLAIMS.path: 403}), {"a": "1"})
    assert (follower.listed, said) == (True, [])
    assert "workloads.kueue.x-k8s.io may not be read" in follower.error


def test_a_kind_that_may_be_listed_but_not_watched_is_listed_again_later():
    refused = {("watch", CLAIMS.path): 403}
    follower, said = following(Served([(7, [claim("a", 1)])], refused=refused))
    assert (said, follower.listed) == ([("a", True)], True)
    assert "may not be read" in follower.error


def test_the_older_version_is_followed_where_the_newer_is_not_served():
    api = Served([(7, [claim("a", 1)])], [[event("ADDED", claim("b", 8))]], {CLAIMS.path: 404})
    source = Source(api, CLAIMS)
    assert [one.metadata.uid for part in source.list() for one in part.objects] == ["a"]
    assert [change.uid for change in source.watch("7")] == ["b"]
    assert CLAIMS.others[0] in api.asked


def test_a_watch_whose_kind_went_lists_again():
    source = Source(Served(refused={("watch", CLAIMS.path): 404}), CLAIMS)
    with pytest.raises(Expired):
        source.watch("7")


@pytest.mark.parametrize("code", [404, 403])
def test_a_kind_that_has_to_be_there_is_trouble_when_it_is_not(code):
    from dataclasses import replace

    source = Source(Served(refused={CLAIMS.path: code}), replace(CLAIMS, optional=False))
    with pytest.raises(ApiError) as caught:
        list(source.list())
    assert not isinstance(caught.value, Absent)


def test_an_odd_object_of_a_scheduler_is_told_apart():
    odd = claim("odd", 2, spec="none") | {"status": {"conditions": [3]}}
    (part,) = Source(Served([(7, [claim("a", 1), odd, claim("b", 3, spec=None)])]), CLAIMS).list()
    assert [one.metadata.uid for one in part.objects] == ["a", "b"]
    assert list(part.odd) == ["odd"]


def test_what_cannot_be_read_of_a_scheduler_makes_no_cluster_stale(cluster, monkeypatch):
    from runyard.sync import lease
    from runyard.sync.freshness import freshness_of

    class Answering:
        def read(self, *args, **options):
            return b"ok"

    class Fine:
        resource, error, listed, odd = "pods", "", True, {}

    class Hurt:
        resource, error, listed, odd = CLAIMS.resource, "the conversion webhook does not answer", False, {}

    assert {*SCHEDULERS, guarantees.RESOURCE} == OPTIONAL
    monkeypatch.setattr("runyard.sync.runner.connect", lambda cluster: Answering())
    runner = Runner(cluster, lease.take(cluster), threading.Event())
    runner._followers = [Fine(), Hurt()]
    runner._beat()
    cluster.refresh_from_db()
    fresh = freshness_of(cluster)
    assert (fresh.state, fresh.why) == ("live", "workloads.kueue.x-k8s.io cannot be read")


# --- on a real API ---

GROUP = "/apis/kueue.x-k8s.io/v1beta2/namespaces/default/workloads"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FULL = (
    "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor any, 2 more needed"
)


def definition():
    version = {
        "name": "v1beta2", "served": True, "storage": True, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }  # fmt: skip
    names = {"plural": "workloads", "kind": "Workload"}
    return {
        "metadata": {"name": "workloads.kueue.x-k8s.io"},
        "spec": {"group": "kueue.x-k8s.io", "scope": "Namespaced", "names": names, "versions": [version]},
    }


class Kueue:
    """Does to the cluster what Kueue would, as far as one Job is concerned."""

    def __init__(self, cluster, name):
        self._api, self._job = connect(cluster), f"/apis/batch/v1/namespaces/default/jobs/{name}"
        self._claim = f"{GROUP}/job-{name}"

    def take_up(self):
        job = self._api.meta(self._job)
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job.name,
            "uid": job.uid,
            "controller": True,
        }
        meta = {"name": f"job-{job.name}", "ownerReferences": [owner]}
        self._api.create(GROUP, {"metadata": meta, "spec": {"queueName": "team-a", "active": True}})

    def say(self, *conditions):
        self._api.read(
            "PATCH", f"{self._claim}/status", body={"status": {"conditions": list(conditions)}},
            content_type="application/merge-patch+json",
        )  # fmt: skip

    def suspend(self, suspended):
        self._api.patch(self._job, {"spec": {"suspend": suspended}})

    @property
    def is_active(self):
        import json

        return json.loads(self._api.read("GET", self._claim))["spec"]["active"]


def condition(type_, status="True", reason="", message=""):
    return {"type": type_, "status": status, "reason": reason, "message": message}


@pytest.fixture
def soon(monkeypatch):
    """One looks for absent kinds again at once, and performs actions in the caller's thread."""
    monkeypatch.setattr(follower_module, "ABSENT_SECONDS", 0.2)
    monkeypatch.setattr(tasks, "wake", tasks.perform)
    monkeypatch.setattr(tasks, "wake_all", lambda pks: [tasks.perform(pk) for pk in pks])


@pytest.mark.django_db(transaction=True)
def test_kueue_from_its_installation_to_its_end(dee, soon, syncing):
    from runyard.tenancy.models import Department, Project

    Project.objects.create(name="lab", department=Department.objects.create(name="lab"), namespace="default")
    api = connect(syncing)
    api.create(DEFINITIONS, definition())
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "theirs"},
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "c", "image": "x", "command": ["python", "-c", "import time; time.sleep(600)"]}]}}},
    }  # fmt: skip
    api.create("/apis/batch/v1/namespaces/default/jobs", job)
    kueue = Kueue(syncing, "theirs")
    kueue.take_up()
    kueue.say(condition("QuotaReserved", "False", "Pending", FULL))

    def is_(phase, words=""):
        rows = Workload.objects.filter(name="theirs", phase=phase, message__contains=words)
        return until(rows.first, what=f"{phase} {words}; it is {list(Workload.objects.values())}")

    workload = is_(Phase.PENDING, "waits for quota of CPU in flavor any: 2 more needed")
    assert workload.queueing["queue"] == "team-a"

    kueue.say(condition("QuotaReserved"), condition("Admitted"))
    kueue.suspend(False)
    is_(Phase.RUNNING)

    taken = "Preempted to accommodate a workload (UID: 1) due to prioritization in the ClusterQueue"
    kueue.say(condition("Evicted", reason="Preempted", message=taken), condition("QuotaReserved", "False"))
    kueue.suspend(True)
    workload = is_(Phase.PENDING, "evicted: it gave way to another workload")

    actions.stop(workload, dee)
    is_(Phase.STOPPED)
    assert not kueue.is_active
    actions.run(Workload.objects.get(name="theirs"), dee)
    is_(Phase.PENDING, "evicted")
    assert kueue.is_active

    told = Event.objects.filter(workload=workload, source="Kueue").values_list("reason", flat=True)
    assert {"Pending", "QuotaReserved", "Admitted", "EvictedDueToPreempted"} <= set(told)
    api.delete(f"{DEFINITIONS}/workloads.kueue.x-k8s.io")
    until(lambda: not QueueEntry.objects.exists(), what="what Kueue said to be gone with Kueue")
    api.delete("/apis/batch/v1/namespaces/default/jobs/theirs")
