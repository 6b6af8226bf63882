"""What becomes of dependents, and of namespaces."""

import pytest

from localcluster.status import ApiError
from tests.localcluster.running import container, eventually, job, pod, shell


def config_map(name, *owners, **metadata):
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "blockOwnerDeletion": True}
    references = [kind | {key: one["metadata"][key] for key in ("name", "uid")} for one in owners]
    return {"metadata": {"name": name, "ownerReferences": references, **metadata}}


def names(cluster, resource="configmaps"):
    return {one["metadata"]["name"] for one in cluster.registry.list(resource, "default")} - {
        "kube-root-ca.crt"
    }


async def test_dependents_go_with_their_owner_in_the_background(cluster):
    owner = cluster.create("configmaps", config_map("owner"))
    child = cluster.create("configmaps", config_map("child", owner))
    cluster.create("configmaps", config_map("grandchild", child))
    cluster.registry.delete("configmaps", "default", "owner", propagation="Background")
    await eventually(lambda: not names(cluster))


async def test_in_the_foreground_the_owner_goes_last(cluster):
    owner = cluster.create("configmaps", config_map("owner"))
    child = cluster.create("configmaps", config_map("child", owner, finalizers=["example.com/hold"]))
    cluster.create("configmaps", config_map("grandchild", child))
    cluster.registry.delete("configmaps", "default", "owner", propagation="Foreground")
    await eventually(lambda: names(cluster) == {"owner", "child"})
    cluster.registry.mutate("configmaps", "default", "child", lambda obj: obj["metadata"].pop("finalizers"))
    await eventually(lambda: not names(cluster))


async def test_orphans_stay_and_forget_their_owner(cluster):
    owner = cluster.create("configmaps", config_map("owner"))
    cluster.create("configmaps", config_map("child", owner))
    cluster.registry.delete("configmaps", "default", "owner", propagation="Orphan")
    await eventually(lambda: names(cluster) == {"child"})
    assert not cluster.registry.get("configmaps", "default", "child")["metadata"].get("ownerReferences")


async def test_who_has_another_owner_stays(cluster):
    owners = [cluster.create("configmaps", config_map(name)) for name in ("one", "other")]
    cluster.create("configmaps", config_map("child", *owners))
    cluster.registry.delete("configmaps", "default", "one", propagation="Background")
    await eventually(lambda: len(_references(cluster, "child")) == 1)
    assert _references(cluster, "child")[0]["name"] == "other"


def _references(cluster, name):
    return cluster.registry.get("configmaps", "default", name)["metadata"].get("ownerReferences", [])


async def test_who_names_an_owner_that_never_was_goes(cluster):
    ghost = {"metadata": {"name": "ghost", "uid": "no-such-uid"}}
    cluster.create("configmaps", config_map("child", ghost))
    await eventually(lambda: not names(cluster))


async def test_an_owner_of_a_kind_nobody_serves_is_left_alone(cluster):
    reference = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "x", "uid": "1"}
    cluster.create("configmaps", {"metadata": {"name": "kept", "ownerReferences": [reference]}})
    owner = cluster.create("configmaps", config_map("owner"))
    cluster.create("configmaps", config_map("child", owner))
    cluster.registry.delete("configmaps", "default", "owner")
    await eventually(lambda: names(cluster) == {"kept"})


async def test_a_job_deleted_in_the_foreground_waits_for_its_pods(cluster):
    cluster.create("jobs.batch", job("work", shell("trap 'sleep 0.3; exit 0' TERM; sleep 60 & wait")))
    await eventually(lambda: cluster.job("work")["status"].get("ready") == 1)
    cluster.registry.delete("jobs.batch", "default", "work", propagation="Foreground")
    assert names(cluster, "jobs.batch") == {"work"}
    await eventually(lambda: not names(cluster, "pods"))
    await eventually(lambda: not names(cluster, "jobs.batch"))


async def test_a_namespace_goes_with_all_it_holds(cluster):
    registry = cluster.registry
    registry.create("namespaces", None, {"metadata": {"name": "red"}})
    registry.create("pods", "red", pod("one", container("sleep", "60")))
    registry.create("jobs.batch", "red", job("work", container("sleep", "60")))
    registry.create("configmaps", "red", {"metadata": {"name": "cfg"}})
    await eventually(lambda: len(registry.list("pods", "red", fields="status.phase=Running")) == 2)
    registry.delete("namespaces", None, "red")
    assert registry.get("namespaces", None, "red")["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError, match="being terminated"):
        registry.create("configmaps", "red", {"metadata": {"name": "late"}})
    await eventually(lambda: "red" not in {one["metadata"]["name"] for one in registry.list("namespaces")})
    assert registry.list("pods") == []


async def test_an_empty_namespace_goes_at_once(cluster):
    cluster.registry.create("namespaces", None, {"metadata": {"name": "red"}})
    cluster.registry.delete("namespaces", None, "red")
    await eventually(lambda: len(cluster.registry.list("namespaces")) == 4)
