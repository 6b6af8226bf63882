"""The guaranteed time of a workload, from KAI's own kinds on a cluster to the row that the table shows."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import syncing
from tests.contracts.objects import eventually
from tests.contracts.test_running import running_job

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "scheduling.run.ai"
QUEUES = f"/apis/{GROUP}/v2/queues"
MERGE = {"content-type": "application/merge-patch+json"}
TEXT = {"type": "string"}


def definition(plural, kind, version, scope, spec):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [served],
        },
    }


@pytest.fixture
def kai(raw, namespace):
    """KAI's kinds, served by now; a function that asks the cluster for something about them."""

    def ask(method, url, body, **options):
        answer = raw.request(method, url, json=body, **options)
        assert answer.is_success, answer.text
        return answer.json()

    queue = {"parentQueue": TEXT, "preemptMinRuntime": TEXT}
    for one in (
        definition("queues", "Queue", "v2", "Cluster", queue),
        definition("podgroups", "PodGroup", "v2alpha2", "Namespaced", {"queue": TEXT}),
    ):
        ask("POST", DEFINITIONS, one)
    groups = f"/apis/{GROUP}/v2alpha2/namespaces/{namespace}/podgroups"
    eventually(lambda: all(raw.get(url).is_success for url in (QUEUES, groups)))
    yield ask
    for plural in ("queues", "podgroups"):
        raw.delete(f"{DEFINITIONS}/{plural}.{GROUP}")
    eventually(lambda: all(raw.get(url).status_code == 404 for url in (QUEUES, groups)))


@pytest.fixture
def followed(kubeconfig, kai, transactional_db, valkey):
    """The sync of the cluster, running until the test ends."""
    from runyard.clusters.models import Cluster

    cluster = Cluster.objects.create(name="followed", kubeconfig=str(kubeconfig))
    with syncing.followed(cluster):
        yield cluster


def queue(name, **spec):
    return {"apiVersion": f"{GROUP}/v2", "kind": "Queue", "metadata": {"name": name}, "spec": spec}


def test_the_guaranteed_time_follows_the_queues_of_the_cluster(followed, kai, jobs, namespace):
    from workloads.models import Workload

    started = datetime.now(UTC).replace(microsecond=0)
    kai("POST", QUEUES, queue("research", preemptMinRuntime="2h0m0s"))
    kai("POST", QUEUES, queue("team-red", parentQueue="research"))
    job = kai("POST", jobs, running_job("train", "sleep 300"))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": job["metadata"]["uid"]}
    stamp = {"kai.scheduler/last-start-timestamp": started.strftime("%Y-%m-%dT%H:%M:%SZ")}
    group = {
        "apiVersion": f"{GROUP}/v2alpha2",
        "kind": "PodGroup",
        "metadata": {"name": "pg-train", "ownerReferences": [owner], "annotations": stamp},
        "spec": {"queue": "team-red"},
    }
    kai("POST", f"/apis/{GROUP}/v2alpha2/namespaces/{namespace}/podgroups", group)

    def is_guaranteed(time):
        until = started + time if time else None
        rows = Workload.objects.filter(cluster=followed, name="train", namespace=namespace, phase="Running")
        eventually(lambda: rows.filter(guaranteed_until=until).exists())

    is_guaranteed(timedelta(hours=2))
    minutes = {"spec": {"preemptMinRuntime": "10m"}}
    kai("PATCH", f"{QUEUES}/team-red", minutes, headers=MERGE)
    is_guaranteed(timedelta(minutes=10))
    kai("DELETE", f"{QUEUES}/team-red", None)
    is_guaranteed(None)
