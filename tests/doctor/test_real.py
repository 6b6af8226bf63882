"""On a real Kubernetes, which refuses what was not granted: the product with exactly the rights of `rbac`."""

import json

import pytest
import yaml

from controlplane import kubeconfig
from runyard.clusters import rbac
from runyard.clusters.connection import MERGE, ApiError, Connection
from runyard.clusters.models import Cluster
from runyard.clusters.rights import RIGHTS, rights
from runyard.doctor import telling
from runyard.doctor.examining import examine
from runyard.doctor.findings import Grade
from tests.embedded import until
from tests.syncing import followed
from workloads import actions, logs, shown_manifests, tasks
from workloads.spec import WorkloadSpec
from workloads.status import Phase

PLURALS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
}


@pytest.fixture
def grant(real_cluster):
    """`grant(manifest)`: as `kubectl apply` does; roles and bindings are taken back afterwards."""
    granted, client = [], real_cluster.plane.client

    def apply(manifest):
        for part in yaml.safe_load_all(manifest):
            meta = part["metadata"]
            path = f"{PLURALS[part['kind']].format(meta.get('namespace'))}/{meta['name']}"
            client.apply(path, json.dumps(part))
            granted.extend([path] if "Role" in part["kind"] else [])

    yield apply
    for path in reversed(granted):
        client.delete(path)


@pytest.fixture
def account(real_cluster, tmp_path):
    """`account()`: the kubeconfig of the service account that the manifest of `rbac` makes."""

    def file():
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        where = "/api/v1/namespaces/runyard/serviceaccounts/runyard/token"
        admin = Connection(str(real_cluster.kubeconfig))
        token = json.loads(admin.read("POST", where, body=body))["status"]["token"]
        path = tmp_path / "kubeconfig"
        pki = real_cluster.plane.pki
        kubeconfig.write(path, admin.access().url, pki.authority, token)
        return str(path)

    return file


def grades(diagnosis):
    return {finding.about: finding.grade for finding in diagnosis.findings}


def test_what_the_doctor_prints_heals(real_cluster, grant):
    stranger = str(real_cluster.plane.kubeconfig("stranger"))
    before = examine(stranger)
    assert not before.ok
    assert before.account == "stranger"
    assert {right.resource for right in before.missing} >= {"pods", "jobs", "pods/log", "pods/proxy"}
    grant(telling.missing_rights(before, ()))
    after = until(lambda: (found := examine(stranger)).missing == [] and found, what="what was granted")
    assert after.ok, telling.as_text(after)


def test_the_account_of_the_manifest_has_all_that_is_asked_about(grant, account, real_namespace):
    grant(rbac.manifest(RIGHTS, (real_namespace,)))
    file = account()
    found = until(lambda: (one := examine(file, namespaces=(real_namespace,))).ok and one, what="the rights")
    assert found.missing == []
    assert found.account == "system:serviceaccount:runyard:runyard"
    assert grades(found)["nodes"] is Grade.OK
    assert (
        grades(examine(file, namespaces=("default",)))["rights for logs and live manifests"] is Grade.PROBLEM
    )


def test_who_only_looks_can_write_nothing(grant, account, real_namespace):
    grant(rbac.manifest(rights(read_only=True)))
    file = account()
    until(lambda: examine(file, read_only=True).ok, what="the rights")
    api = Connection(file)
    for method, path in (("POST", "jobs"), ("PATCH", "jobs/x"), ("DELETE", "jobs/x")):
        kind = {"content_type": MERGE} if method == "PATCH" else {}
        with pytest.raises(ApiError) as refused:
            api.read(method, f"/apis/batch/v1/namespaces/{real_namespace}/{path}", body={}, **kind)
        assert refused.value.code == 403


def test_people_work_with_exactly_these_rights(
    dee, grant, account, real_cluster, real_namespace, monkeypatch, transactional_db, valkey
):
    from runyard.tenancy.models import Department, Project

    monkeypatch.setattr(tasks, "wake", tasks.perform)
    monkeypatch.setattr(tasks, "wake_all", lambda pks: [tasks.perform(pk) for pk in pks])
    lab = Project.objects.create(
        name="lab", department=Department.objects.create(name="lab"), namespace=real_namespace
    )
    grant(rbac.manifest(RIGHTS, (real_namespace,)))
    file = account()
    until(lambda: examine(file, namespaces=(real_namespace,)).ok, what="the rights")
    cluster = Cluster.objects.create(name="real", kubeconfig=file)
    with followed(cluster):
        work_as_people_do(dee, lab, cluster, real_cluster)

    lab.namespace = "default"
    lab.save()
    refused = actions.submit(dee, lab, cluster, WorkloadSpec(name="other", image="x", command="train"))
    assert "forbidden" in refused.actions.get().error


def work_as_people_do(dee, lab, cluster, real_cluster):
    workload = actions.submit(dee, lab, cluster, WorkloadSpec(name="story", image="x", command="train"))
    reaches(workload, Phase.RUNNING)
    pod = workload.pods.get(gone_at=None)
    real_cluster.write_log(lab.namespace, pod.name, "step 1")
    assert until(lambda: logs.tail(pod, "main", 10).lines, what="its log")[0][1] == "step 1"
    assert "kind: Job" in shown_manifests.shown(workload, shown_manifests.LIVE).text
    actions.stop(workload, dee)
    reaches(workload, Phase.STOPPED)
    actions.run(workload, dee)
    reaches(workload, Phase.RUNNING)
    actions.delete(workload, dee)
    until(lambda: type(workload).objects.get(pk=workload.pk).deleted_at, what="its deletion")
    cluster.sync.refresh_from_db()
    assert (cluster.sync.error, cluster.sync.quarantined) == ("", {})


def reaches(workload, wanted):
    def reached():
        workload.refresh_from_db()
        return workload.phase == wanted

    until(reached, what=f"{workload.name} to be {wanted}; it is {workload.phase} {workload.message}")
