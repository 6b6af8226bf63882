"""What the product asks of a cluster is what `clusters.rights` declares: no less, no more.

Everything that speaks to a cluster does so here once, through a wire-tap before the embedded one.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

from metrics import looking
from metrics.sources import resource_metrics
from runyard.clusters.connection import Connection, connect
from runyard.clusters.models import Cluster, Node
from runyard.clusters.rights import RIGHTS, URLS, rights
from runyard.connect import probing, upstream
from runyard.connect.app import Tools
from runyard.connect.door import Pass
from runyard.connect.knocking import path_to
from runyard.connect.targets import Target
from runyard.doctor.examining import examine
from runyard.sync.runner import WATCHED
from tests.connect.conftest import ask
from tests.doctor.recording import Asked, recorded
from tests.embedded import embedded, until
from tests.syncing import followed
from workloads import actions, logs, shown_manifests, tasks
from workloads.queueing.place import place
from workloads.queueing.schedulers import KAI, SCHEDULERS
from workloads.spec import WorkloadSpec
from workloads.status import Phase
from workloads.tools import Tool

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "clusters.md"
ELSEWHERE = "kube-system"
SLEEPS = ["python", "-c", "import time; print('up', flush=True); time.sleep(300)"]


def declared():
    """{(verb, group, resource, everywhere)}"""
    return {(verb, right.group, right.resource, right.everywhere) for right in RIGHTS for verb in right.verbs}


def definition(scheduler, scope="Namespaced"):
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": scheduler.versions[0], "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": anything}
    names = {"plural": scheduler.plural, "kind": scheduler.kind}
    return {
        "metadata": {"name": scheduler.resource},
        "spec": {"group": scheduler.group, "scope": scope, "names": names, "versions": [version]},
    }


def exporter():
    """A pod with the labels of DCGM's exporter."""
    container = {"name": "main", "image": "x", "command": SLEEPS}
    return {
        "metadata": {"name": "dcgm", "labels": {"app": "nvidia-dcgm-exporter"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


PROMETHEUS = {
    "metadata": {"name": "prometheus", "labels": {"app.kubernetes.io/name": "prometheus"}},
    "spec": {"ports": [{"port": 9090}]},
}


@pytest.fixture
def furnished(tmp_path):
    """An embedded cluster with schedulers' kinds, an exporter and a Prometheus in name only."""
    with embedded(tmp_path) as cluster:
        api = Connection(cluster.kubeconfig)
        for scheduler in SCHEDULERS.values():
            api.create(DEFINITIONS, definition(scheduler))
        queues = replace(KAI, versions=("v2",), plural="queues", kind="Queue")
        api.create(DEFINITIONS, definition(queues, scope="Cluster"))
        api.create(f"/api/v1/namespaces/{ELSEWHERE}/pods", exporter())
        api.create(f"/api/v1/namespaces/{ELSEWHERE}/services", PROMETHEUS)
        yield cluster


@pytest.fixture
def tapped(furnished, tmp_path, transactional_db, valkey):
    """The recorder before it, and the row of the cluster behind it."""
    with recorded(furnished, tmp_path) as (recorder, path):
        yield recorder, Cluster.objects.create(name="local", kubeconfig=path)


@pytest.fixture
def following(tapped):
    """What is asked is recorded, and the sync follows, until the test ends."""
    recorder, cluster = tapped
    with followed(cluster):
        yield recorder, cluster


@pytest.fixture
def lab(dee, monkeypatch):
    from runyard.tenancy.models import Department, Project

    monkeypatch.setattr(tasks, "wake", tasks.perform)  # Celery's part is tested where it runs for real
    monkeypatch.setattr(tasks, "wake_all", lambda pks: [tasks.perform(pk) for pk in pks])
    return Project.objects.create(
        name="lab", department=Department.objects.create(name="lab"), namespace="default"
    )


def test_what_is_asked_of_a_cluster_is_what_is_declared(dee, lab, following, monkeypatch):
    recorder, cluster = following
    watches = {one.resource.partition(".")[0] for one in WATCHED}
    until(lambda: watched(recorder) >= watches, what="all watches")
    workload = use_a_workload(dee, lab, cluster, monkeypatch)
    use_its_queue(workload)
    use_metrics(cluster)
    actions.delete(workload, dee)
    assert examine(cluster.kubeconfig).ok

    assert {one for one in recorder.asked if isinstance(one, str)} == set(URLS)
    asked = {(one.verb, one.group, one.resource, one.namespace != lab.namespace) for one in of(recorder)}
    undeclared = {one for one in asked - declared() if (*one[:3], True) not in declared()}
    assert undeclared == set()
    assert declared() - asked == set()


def watched(recorder):
    return {one.resource for one in of(recorder) if one.verb == "watch"}


def of(recorder):
    return [one for one in recorder.asked.copy() if isinstance(one, Asked)]


def use_a_workload(dee, lab, cluster, monkeypatch):
    """Submit, look, connect, stop, run."""
    tool = Tool("web", 8123)
    spec = WorkloadSpec(name="story", image="x", command=" ".join(map(repr, SLEEPS)))
    workload = actions.submit(dee, lab, cluster, spec)
    until(lambda: phase(workload) == Phase.RUNNING, what="its pod")
    pod = workload.pods.get(gone_at=None)
    until(lambda: logs.tail(pod, "main", 10).lines, what="its log")
    assert logs.latest_run(pod, "main").started
    assert "kind: Job" in shown_manifests.shown(workload, shown_manifests.LIVE).text
    probing.ask(pod, tool)
    asyncio.run(connect_to(Target(connect(cluster).access(), path_to(pod, tool)), monkeypatch))
    actions.stop(workload, dee)
    until(lambda: phase(workload) == Phase.STOPPED, what="its stop")
    return workload


def phase(workload):
    workload.refresh_from_db()
    return workload.phase


async def connect_to(target, monkeypatch):
    """With each of the methods by which a page may ask its tool."""

    async def open_door(self, cookie, place):
        return Pass(target, person=1)

    monkeypatch.setattr("runyard.connect.door.Door.open", open_door)
    monkeypatch.setattr("django.conf.settings.TOOLS_DOMAIN", "localhost")
    app = Tools(None)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        await ask(app, "/", method)
    await upstream.close()


def use_its_queue(workload):
    """As if Kueue held it: where it stands, and its switch."""
    says = [{"by": "Kueue", "reason": "Pending", "message": "no quota", "at": ""}]
    workload.queueing = {"queue": "team-a", "name": "claim", "uid": "u", "active": True, "says": says}
    assert place(workload) == ""
    assert tasks._switch(workload, active=True) == ""


def use_metrics(cluster):
    Node.objects.filter(cluster=cluster).update(gpus=1)
    looking.look_at(cluster)
    assert resource_metrics.now(cluster)[1] == ""


# the manifest


def parts(*words, capsys):
    call_command("rbac", *words)
    return list(yaml.safe_load_all(capsys.readouterr().out))


def given(part):
    """{(verb, group, resource)} of a role."""
    return {
        (verb, group, resource)
        for rule in part["rules"]
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        for verb in rule["verbs"]
    }


def test_the_manifest_gives_what_is_declared_to_an_account_of_its_own(capsys):
    namespace, account, role, binding = parts(capsys=capsys)
    assert (namespace["kind"], account["kind"]) == ("Namespace", "ServiceAccount")
    assert given(role) == {one[:3] for one in declared()}
    assert role["rules"][-1] == {"nonResourceURLs": list(URLS), "verbs": ["get"]}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "runyard", "namespace": "runyard"}]


def test_what_need_not_be_everywhere_is_given_in_the_namespaces_named(capsys):
    *_, role, binding, within, red, blue = parts("--namespaces", "red, 123", capsys=capsys)
    assert given(role) == {one[:3] for one in declared() if one[3]}
    assert given(within) == {one[:3] for one in declared() if not one[3]}
    assert (binding["kind"], red["kind"], blue["kind"]) == (
        "ClusterRoleBinding",
        "RoleBinding",
        "RoleBinding",
    )
    assert [red["metadata"]["namespace"], blue["metadata"]["namespace"]] == ["red", "123"]


def test_who_only_looks_gets_no_right_to_write(capsys):
    _, _, role, _ = parts("--read-only", capsys=capsys)
    assert {verb for verb, _, _ in given(role)} == {"get", "list", "watch"}
    assert {right.use for right in rights(read_only=True)} < {right.use for right in RIGHTS}


# the documentation


def told(right):
    plural, slash, below = right.resource.partition("/")
    name = f"{plural}.{right.group}" if right.group else plural
    return f"{', '.join(right.verbs)} {name}{slash}{below}"


def row(use):
    mine = [right for right in RIGHTS if right.use == use]
    places = ("; ".join(told(one) for one in mine if one.everywhere is each) for each in (True, False))
    return (
        f"| {use.title} | {use.loss} |" + "|".join(f" {place} " if place else " " for place in places) + "|"
    )


def test_the_table_in_the_documentation_is_that_of_the_declaration():
    written = DOCUMENTATION.read_text().split("<!-- rights -->\n")[1].split("<!-- /rights -->")[0]
    assert written.splitlines()[2:] == [row(use) for use in dict.fromkeys(right.use for right in RIGHTS)]
