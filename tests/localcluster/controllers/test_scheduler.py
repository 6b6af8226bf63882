"""Who gets the node, who waits, and what those who wait are told."""

import pytest

from localcluster.controllers.affinity import selects
from localcluster.controllers.scheduler import requests
from localcluster.kinds.priorities import KEY as PRIORITIES
from localcluster.node import kubelet
from localcluster.node.gpus import Gpu, Ledger
from tests.localcluster.running import NODE, Cluster, condition, container, eventually, pod, shell

SLEEP = ("sleep", "60")


def asking(**limits):
    return {"limits": {name.replace("gpu", "nvidia.com/gpu"): amount for name, amount in limits.items()}}


async def told(cluster, name):
    """The PodScheduled condition's message, once it is False."""
    await eventually(lambda: (condition(cluster.pod(name), "PodScheduled") or ("", ""))[0] == "False")
    conditions = cluster.pod(name)["status"]["conditions"]
    return next(one["message"] for one in conditions if one["type"] == "PodScheduled")


def change_node(cluster, change):
    cluster.registry.mutate("nodes", None, NODE, change)


async def test_a_gpu_that_is_not_there_keeps_a_pod_pending(cluster):
    cluster.run("one", container(*SLEEP, resources=asking(gpu="1")))
    words = (
        "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No "
    )
    words += "preemption victims found for incoming pod."
    assert await told(cluster, "one") == words
    assert condition(cluster.pod("one"), "PodScheduled") == ("False", "Unschedulable")
    assert cluster.phase("one") == "Pending"
    assert ("FailedScheduling", words) in cluster.events("one")


async def test_every_shortage_is_named(cluster):
    cluster.run("one", container(*SLEEP, resources=asking(cpu="9999", memory="9999Ti")))
    assert "1 Insufficient cpu, 1 Insufficient memory." in await told(cluster, "one")


async def test_who_waits_for_room_gets_it_when_another_ends(cluster):
    cpus = int(cluster.registry.get("nodes", None, NODE)["status"]["allocatable"]["cpu"])
    most = {"requests": {"cpu": f"{cpus * 1000 - 100}m"}}
    cluster.run("first", container(*SLEEP, resources=most))
    await cluster.running("first")
    cluster.run("second", shell("true", resources=most))
    assert "Insufficient cpu" in await told(cluster, "second")
    cluster.registry.delete("pods", "default", "first")
    assert (await cluster.ended("second"))["status"]["phase"] == "Succeeded"
    assert ("Scheduled", f"Successfully assigned default/second to {NODE}") in cluster.events("second")


async def test_a_cordoned_node_takes_nothing_until_it_is_uncordoned(cluster):
    change_node(cluster, lambda node: node.setdefault("spec", {}).update(unschedulable=True))
    cluster.run("one", shell("true"))
    assert (await told(cluster, "one")).startswith("0/1 nodes are available: 1 node(s) were unschedulable.")
    change_node(cluster, lambda node: node["spec"].pop("unschedulable"))
    await cluster.ended("one")


async def test_taints_need_tolerations(cluster):
    taint = {"key": "gpu", "value": "h100", "effect": "NoSchedule"}
    change_node(cluster, lambda node: node.setdefault("spec", {}).update(taints=[taint]))
    cluster.run("stranger", shell("true"))
    tolerations = [{"key": "gpu", "operator": "Exists"}]
    cluster.run("friend", shell("true"), tolerations=tolerations)
    assert "1 node(s) had untolerated taint {gpu: h100}" in await told(cluster, "stranger")
    await cluster.ended("friend")


async def test_a_node_selector_has_to_match(cluster):
    cluster.run("one", shell("true"), nodeSelector={"pool": "fast"})
    words = "1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: "
    assert words + "1 Preemption is not helpful for scheduling." in await told(cluster, "one")
    change_node(cluster, lambda node: node["metadata"]["labels"].update(pool="fast"))
    await cluster.ended("one")


async def test_gates_hold_a_pod(cluster):
    cluster.run("one", shell("true"), schedulingGates=[{"name": "example.com/wait"}])
    assert await told(cluster, "one") == "Scheduling is blocked due to non-empty scheduling gates"
    cluster.change("pods", "one", schedulingGates=[])
    await cluster.ended("one")


async def test_the_more_important_go_first(cluster):
    change_node(cluster, lambda node: node.setdefault("spec", {}).update(unschedulable=True))
    most = {"requests": {"cpu": cluster.registry.get("nodes", None, NODE)["status"]["allocatable"]["cpu"]}}
    for name, priority in (("low", 1), ("high", 1000), ("middle", 10)):
        cluster.registry.create(PRIORITIES, None, {"metadata": {"name": name}, "value": priority})
        cluster.run(name, container(*SLEEP, resources=most), priorityClassName=name)
        await told(cluster, name)
    change_node(cluster, lambda node: node["spec"].pop("unschedulable"))
    await cluster.running("high")
    assert "Insufficient cpu" in await told(cluster, "middle")
    assert "Insufficient cpu" in await told(cluster, "low")


def test_requests_are_the_larger_of_containers_and_init_containers():
    small, large = ({"requests": {"cpu": amount, "memory": "1Ki"}} for amount in ("250m", "2"))
    asked = pod(
        "one",
        container(*SLEEP, name="a", resources=small),
        container(*SLEEP, name="b", resources=small),
        initContainers=[container(*SLEEP, name="c", resources=large)],
    )
    assert requests(asked) == {"cpu": 2000, "memory": 2 * 1024 * 1000, "pods": 1000}


NODE_OBJECT = {"metadata": {"name": "n", "labels": {"zone": "a", "gpus": "8"}}}


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("In", "zone", ["a", "b"], True),
        ("NotIn", "zone", ["a"], False),
        ("Exists", "gpus", None, True),
        ("DoesNotExist", "gpus", None, False),
        ("Gt", "gpus", ["4"], True),
        ("Lt", "gpus", ["4"], False),
        ("Gt", "zone", ["4"], False),
    ],
)
def test_required_node_affinity(operator, key, values, expected):
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    assert selects({"affinity": {"nodeAffinity": required}}, NODE_OBJECT) is expected


# Devices that NVML would show; the machine needs none for the bookkeeping to be held to its promises.
DEVICES = [Gpu(f"GPU-{n}", "NVIDIA-H100-80GB-HBM3", 81559) for n in range(2)]


@pytest.fixture
async def gpu_cluster(tmp_path, monkeypatch):
    monkeypatch.setattr("localcluster.node.gpus.discover", lambda: DEVICES)
    cluster = await Cluster(tmp_path).start()
    yield cluster
    await cluster.stop()


async def test_gpus_are_given_to_one_container_at_a_time(gpu_cluster):
    show = "echo $CUDA_VISIBLE_DEVICES; sleep 60"
    for name in ("one", "two", "three"):
        gpu_cluster.run(name, shell(show, resources=asking(gpu="1")))
    gpu_cluster.run("none", shell(show))
    await gpu_cluster.running("one")
    await gpu_cluster.running("two")
    for name in ("one", "two", "none"):
        await gpu_cluster.logged(name, b"\n")
    logs = {name: (await gpu_cluster.log(name)).decode().strip() for name in ("one", "two", "none")}
    assert logs["none"] == ""
    assert {logs["one"], logs["two"]} == {"GPU-0", "GPU-1"}
    assert "Insufficient nvidia.com/gpu" in await told(gpu_cluster, "three")
    gpu_cluster.registry.delete("pods", "default", "one")
    await gpu_cluster.running("three")
    await gpu_cluster.logged("three", b"\n")
    assert (await gpu_cluster.log("three")).decode().strip() == logs["one"]


async def test_gpus_stay_with_their_pod_over_a_restart_of_the_server(gpu_cluster):
    created = gpu_cluster.run("one", shell("sleep 60", resources=asking(gpu="1")))
    await gpu_cluster.running("one")
    again = kubelet.Node(
        gpu_cluster.registry,
        gpu_cluster.home,
        gpu_cluster.node.host.machine,
        DEVICES,
        gpu_cluster.node.host.backoff,
    )
    again._restore()
    assert again.host.ledger.held((created["metadata"]["uid"], "main")) == ["GPU-0"]
    assert again.host.ledger.take(("other", "main"), 2) is None
    for uid, worker in again.workers.items():
        again._tasks[uid].cancel()
        worker.close()


async def test_the_node_tells_its_gpus(gpu_cluster):
    node = gpu_cluster.registry.get("nodes", None, NODE)
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "2"
    labels = node["metadata"]["labels"]
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"
    assert labels["nvidia.com/gpu.count"] == "2"
    assert labels["kubernetes.io/hostname"] == NODE
    assert condition(node, "Ready") == ("True", "KubeletReady")


def test_a_ledger_gives_the_same_devices_to_the_same_container():
    ledger = Ledger(DEVICES)
    first = ledger.take(("pod", "main"), 1)
    assert ledger.take(("pod", "main"), 1) == first
    assert ledger.take(("other", "main"), 2) is None
    assert ledger.free("pod")
    assert not ledger.free("pod")
    assert ledger.take(("other", "main"), 2) == ["GPU-0", "GPU-1"]
