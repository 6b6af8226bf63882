"""What befalls the sync of a real API server, made for real: processes that are killed or stand still, an
etcd that forgets or is set back, rights that are taken. Afterwards our rows say what the cluster has.
"""

import json
import os
import shutil
import signal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from controlplane.plane import ControlPlane
from controlplane.profile import API
from runyard.clusters.models import Cluster
from runyard.sync import follower, lease, runner
from runyard.sync.freshness import freshness_of
from runyard.sync.models import SyncState
from tests.embedded import until
from tests.syncing import FOLLOW, followed, process
from workloads.models import Pod

PODS = "/api/v1/namespaces/default/pods"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
BEAT = 0.5  # seconds between two words of a worker on how fresh it is; nobody here waits for more
LONGEST_WAIT = 1.6  # seconds until a follower asks a server in trouble again, for that is over soon here
SOONER = f"""
from runyard.sync import follower, runner
runner.BEAT_SECONDS, follower.LONGEST_WAIT = {BEAT}, {LONGEST_WAIT}
"""
HEALS = 120  # seconds, on a machine that is busy with other things
LOOKS = 0.2  # seconds between two looks at all pods and rows: they take time from what is waited for


@pytest.fixture(scope="module")
def plane(kit, tmp_path_factory):
    """An API server of these tests' own: nothing lives there but what they make."""
    with ControlPlane(kit, tmp_path_factory.mktemp("faults"), API) as running:
        yield running


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    monkeypatch.setattr(runner, "BEAT_SECONDS", BEAT)
    monkeypatch.setattr(follower, "LONGEST_WAIT", LONGEST_WAIT)


class Real:
    """The cluster, its row, and what the tests do to its pods."""

    def __init__(self, plane, row):
        self.plane, self.row = plane, row

    @property
    def api(self):
        return self.plane.client

    def make(self, *names, **metadata):
        for name in names:
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, **metadata},
                "spec": {"containers": [{"name": "main", "image": "x"}]},
            }
            self.api.apply(f"{PODS}/{name}", json.dumps(pod))

    def say(self, name, phase):
        self.api.merge(f"{PODS}/{name}/status", {"status": {"phase": phase}})

    def delete(self, name):
        self.api.delete(f"{PODS}/{name}")

    def there(self):
        """{uid: (version, phase)} of every pod."""
        return {
            pod["metadata"]["uid"]: (pod["metadata"]["resourceVersion"], pod["status"]["phase"])
            for pod in self.api.get(PODS)["items"]
        }

    def rows(self):
        """As `there`, by our rows."""
        found = Pod.objects.filter(cluster=self.row, gone_at=None)
        return {uid: rest for uid, *rest in found.values_list("uid", "resource_version", "phase")}

    def is_even(self):
        return {
            uid: tuple(rest) for uid, rest in self.rows().items()
        } == self.there() and self.fresh() == "live"

    def fresh(self):
        return freshness_of(Cluster.objects.get(pk=self.row.pk)).state

    def error(self):
        return SyncState.objects.get(cluster=self.row).error

    def converges(self):
        until(self.is_even, HEALS, "our rows to say what the cluster has", every=LOOKS)

    def restart_api_server(self):
        server = self.plane.processes["kube-apiserver"]
        server.kill()
        server.start()


@pytest.fixture
def real(plane, transactional_db, valkey):
    row = Cluster.objects.create(name="real", kubeconfig=str(plane.kubeconfig()))
    yield Real(plane, row)
    plane.client.delete(PODS)


def worker(real):
    """A worker that follows it, as a process of its own."""
    return process(f"{SOONER}\n{FOLLOW}", real.row.pk)


def test_workers_that_are_killed_at_any_moment_lose_nothing_together(real):
    """Each in the middle of what it writes: it is not waited for."""
    for number in range(1, 4):
        before = getattr(SyncState.objects.filter(cluster=real.row).first(), "epoch", 0)
        with worker(real):
            until(lambda: SyncState.objects.filter(cluster=real.row, epoch=before + 1).exists(), HEALS)  # noqa: B023
            real.make(*(f"pod-{number}-{each}" for each in range(4 * number)))
            real.say(f"pod-{number}-0", "Running")
            real.delete(f"pod-{number}-1")
        lease.free_abandoned()
    with followed(real.row):
        real.converges()
    assert Pod.objects.filter(cluster=real.row).count() >= 4 * (1 + 2 + 3) - 3


def test_a_worker_that_slept_while_the_past_was_forgotten_lists_again(real):
    """What was made again under its old name meanwhile is another pod."""
    real.make("kept", "again", "gone")
    with worker(real) as sleeper:
        real.converges()
        old = Pod.objects.get(name="again").uid
        os.kill(sleeper.pid, signal.SIGSTOP)
        real.say("kept", "Running")
        real.delete("again")
        real.make("again", "new")
        real.delete("gone")
        real.plane.compact()
        real.restart_api_server()
        os.kill(sleeper.pid, signal.SIGCONT)
        real.converges()
    assert Pod.objects.get(uid=old).gone_at
    assert Pod.objects.filter(name="again").count() == 2


def test_a_worker_that_wakes_after_its_lease_was_stolen_writes_nothing_and_ends(real):
    real.make("kept")
    with worker(real) as sleeper:
        real.converges()
        os.kill(sleeper.pid, signal.SIGSTOP)
        SyncState.objects.update(expires_at=timezone.now())
        assert lease.take(real.row) == 2
        before = real.rows(), SyncState.objects.values().get()
        real.make("later")
        real.delete("kept")
        os.kill(sleeper.pid, signal.SIGCONT)
        assert sleeper.wait(HEALS) == 0
    assert (real.rows(), SyncState.objects.values().get()) == before


def test_an_api_server_that_stands_still_is_told_and_nothing_is_gone_by_it(real):
    real.make("kept")
    with followed(real.row):
        real.converges()
        before, server = real.rows(), real.plane.processes["kube-apiserver"]
        server.pause()
        try:
            until(real.error, HEALS, "a word of it")
            assert real.rows() == before
        finally:
            server.resume()
        real.say("kept", "Running")
        real.converges()


def test_an_etcd_that_is_set_back_is_followed_back(real, tmp_path):
    """Versions jump back with it; what was made since is gone, what was deleted is there again."""
    etcd, server = (real.plane.processes[name] for name in ("etcd", "kube-apiserver"))
    data, backup = real.plane.home / "etcd", tmp_path / "backup"
    real.make("kept", "back")
    with followed(real.row):
        real.converges()
        server.kill(), etcd.end()
        shutil.copytree(data, backup)
        etcd.start(), server.start()
        real.say("kept", "Running")
        real.make("later")
        real.delete("back")
        real.converges()
        server.kill(), etcd.end()
        shutil.rmtree(data)
        shutil.copytree(backup, data)
        etcd.start(), server.start()
        real.converges()
    assert {pod["metadata"]["name"] for pod in real.api.get(PODS)["items"]} == {"kept", "back"}


def test_rights_that_are_taken_make_nothing_gone_and_are_told(plane, real):
    for kind in ("clusterroles", "clusterrolebindings"):
        real.api.apply(f"{ROLES}/{kind}/follower", json.dumps(READER[kind]))
    real.row.kubeconfig = str(plane.kubeconfig("stranger"))
    real.row.save()
    real.make("kept")
    with followed(real.row):
        real.converges()
        before = real.rows()
        real.api.delete(f"{ROLES}/clusterrolebindings/follower")
        real.restart_api_server()
        until(lambda: "forbidden" in real.error(), HEALS, "a word of it")
        assert real.rows() == before
        real.api.apply(f"{ROLES}/clusterrolebindings/follower", json.dumps(READER["clusterrolebindings"]))
        real.converges()
    real.api.delete(f"{ROLES}/clusterrolebindings/follower")


ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "follower"}
READER = {
    "clusterroles": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "follower"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["list", "watch"]}],
    },
    "clusterrolebindings": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "follower"},
        "roleRef": ROLE,
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "stranger"}],
    },
}


def test_the_largest_annotation_that_a_server_takes_holds_up_nobody(real):
    with followed(real.row):
        real.make("huge", annotations={"note": "x" * (262_144 - len("note"))})
        real.make("small")
        real.converges()


def test_what_a_finalizer_holds_back_stays_until_it_lets_go(real):
    real.make("held", finalizers=["example.com/hold"])
    with followed(real.row):
        real.converges()
        real.delete("held")
        real.converges()
        assert Pod.objects.get(name="held").gone_at is None
        real.api.merge(f"{PODS}/held", {"metadata": {"finalizers": None}})
        real.converges()
    assert Pod.objects.get(name="held").gone_at


# --- the database ---

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def asked(question):
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall() if cursor.description else []


def test_a_database_that_ends_every_connection_ends_the_worker_and_the_next_goes_on(real):
    real.make("before")
    with worker(real) as first:
        real.converges()
        asked(f"SELECT pg_terminate_backend(pid) {OTHERS}")
        real.make("after")
        assert first.wait(HEALS) != 0
    lease.free_abandoned()
    with followed(real.row):
        real.converges()


def test_a_table_that_somebody_locks_is_waited_for(real):
    with followed(real.row):
        real.converges()
        with transaction.atomic():
            asked("LOCK TABLE workloads_pod")
            real.make("meanwhile")
            until(lambda: asked(f"SELECT 1 {OTHERS} AND wait_event_type = 'Lock'"), HEALS, "somebody to wait")
            assert not real.rows()
        real.converges()
