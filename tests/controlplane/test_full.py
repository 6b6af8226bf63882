"""The whole control plane: what Kubernetes does with pods whose nodes are simulated, and how these live."""

from datetime import datetime

import httpx
import pytest

from controlplane.client import Client
from tests.controlplane.seen import condition, phase, state
from tests.embedded import until


def test_a_job_with_a_gpu_runs_and_completes(seen):
    seen.start_job("train", sim={"run_seconds": 1}, gpus=1)
    done = seen.wait("train", lambda job: condition(job, "Complete").get("status") == "True", "jobs")
    assert done["status"]["succeeded"] == 1
    [pod] = seen.pods()
    assert pod["status"]["phase"] == "Succeeded"
    assert state(pod)[1]["exitCode"] == 0
    assert pod["spec"]["nodeName"].startswith(("h100-", "l4-"))


def test_a_job_whose_container_fails_fails(seen):
    seen.start_job("train", sim={"run_seconds": 0, "exit_code": 2})
    failed = seen.wait("train", lambda job: condition(job, "Failed").get("status") == "True", "jobs")
    assert condition(failed, "Failed")["reason"] == "BackoffLimitExceeded"
    [pod] = seen.pods()
    assert pod["status"]["phase"] == "Failed"
    assert state(pod) == ("terminated", {**state(pod)[1], "exitCode": 2, "reason": "Error"})


def test_more_gpus_than_a_node_has_wait_and_the_scheduler_says_why(seen):
    seen.start_job("train", gpus=16)
    pod = seen.wait_for_one(lambda pod: condition(pod, "PodScheduled").get("status") == "False")
    assert "Insufficient nvidia.com/gpu" in condition(pod, "PodScheduled")["message"]
    assert pod["status"]["phase"] == "Pending"


def test_a_suspended_job_loses_its_pod_and_gets_another(seen):
    seen.start_job("train")
    first = seen.wait_for_one(phase("Running"))
    _suspend(seen, True)
    seen.wait("train", lambda job: condition(job, "Suspended").get("status") == "True", "jobs")
    until(lambda: not seen.pods(), 60, "the pod to be gone")
    _suspend(seen, False)
    assert seen.wait_for_one(phase("Running"))["metadata"]["uid"] != first["metadata"]["uid"]


def _suspend(seen, value):
    seen.client.merge(seen.path("train", "jobs"), {"spec": {"suspend": value}})


def test_a_pod_waits_as_long_as_it_says_before_it_starts(seen):
    seen.run("slow", sim={"pending_seconds": 3})
    pod = seen.wait("slow", phase("Running"))
    began = datetime.fromisoformat(pod["status"]["startTime"])
    assert (datetime.fromisoformat(state(pod)[1]["startedAt"]) - began).total_seconds() >= 2
    assert {"Scheduled", "Created", "Started"} <= until(
        lambda: (found := seen.events("slow")) and "Started" in found and found, 60, "its events"
    )


def test_init_containers_run_first(seen):
    seen.run("one", init={"run_seconds": 1}, sim={"run_seconds": 0})
    pod = seen.wait("one", phase("Succeeded"))
    before = pod["status"]["initContainerStatuses"][0]["state"]["terminated"]
    assert before["exitCode"] == 0
    assert before["finishedAt"] <= state(pod)[1]["startedAt"]
    assert condition(pod, "Initialized")["status"] == "True"


def test_a_pod_whose_init_container_fails_never_starts(seen):
    seen.run("one", init={"exit_code": 3})
    pod = seen.wait("one", phase("Failed"))
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert state(pod) == ("waiting", {"reason": "PodInitializing"})


def test_an_image_that_cannot_be_pulled_is_tried_again_and_again(seen):
    seen.run("one", sim={"pull_fails": 1})
    pod = seen.wait("one", lambda pod: _waits_for(pod, "ImagePullBackOff"))
    assert pod["status"]["phase"] == "Pending"
    until(lambda: {"Failed", "BackOff"} <= seen.events("one"), 60, "its events")


def test_a_container_that_keeps_failing_is_restarted_ever_again(seen):
    sim = {"run_seconds": 0, "exit_code": 1, "backoff_seconds": 1}
    seen.run("one", sim=sim, restartPolicy="Always")
    pod = seen.wait("one", lambda pod: _restarts(pod) >= 2 and _waits_for(pod, "CrashLoopBackOff"))
    [status] = pod["status"]["containerStatuses"]
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert pod["status"]["phase"] == "Running"


def _restarts(pod):
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", []))


def _waits_for(pod, reason):
    return bool(pod["status"].get("containerStatuses")) and state(pod)[1].get("reason") == reason


def test_a_pod_may_take_its_time_to_end(seen):
    seen.run("one", sim={"stop_seconds": 3})
    seen.wait("one", phase("Running"))
    seen.client.delete(seen.path("one"))
    going = seen.client.get(seen.path("one"))
    assert going["metadata"]["deletionTimestamp"]
    assert state(going)[0] == "running"
    until(lambda: _is_gone(seen, "one"), 60, "the pod to be gone")


def _is_gone(seen, name):
    try:
        seen.client.get(seen.path(name))
    except httpx.HTTPStatusError as error:
        return error.response.status_code == 404
    return False


def test_what_a_container_wrote_is_read_through_the_api_server(real_cluster, seen):
    real_cluster.write_log(seen.namespace, "one", "first", "second")
    seen.run("one")
    seen.wait("one", phase("Running"))
    wanted = "first\nsecond\n"
    assert until(lambda: _log(seen) == wanted and wanted, 60, "the log") == wanted
    assert _log(seen, tailLines="1") == "second\n"


def _log(seen, **query):
    return seen.client.text(f"{seen.path('one')}/log", **query)


def test_the_nodes_are_ready_and_of_two_models(real_cluster):
    nodes = real_cluster.plane.client.get("/api/v1/nodes")["items"]
    found = {
        (
            node["metadata"]["labels"]["nvidia.com/gpu.product"],
            node["status"]["allocatable"]["nvidia.com/gpu"],
        )
        for node in nodes
    }
    assert found == {("NVIDIA-H100-80GB-HBM3", "8"), ("NVIDIA-L4", "4")}
    assert all(condition(node, "Ready")["status"] == "True" for node in nodes)


def test_the_server_says_which_version_it_is(real_cluster):
    version = real_cluster.plane.client.get("/version")
    assert (version["major"], version["minor"]) == ("1", "36")


def test_a_stranger_may_read_nothing(real_cluster):
    stranger = Client.of(real_cluster.plane.kubeconfig("stranger"))
    with pytest.raises(httpx.HTTPStatusError, match='User \\\\"stranger\\\\" cannot list resource'):
        stranger.get("/api/v1/pods")
    stranger.close()


def test_pods_live_on_after_a_crash_of_what_plays_their_nodes(seen, real_cluster):
    """Each time: whether it takes its nodes up again is a matter of chance where it has to win them back."""
    kwok = real_cluster.plane.processes["kwok"]
    seen.run("before")
    seen.wait("before", phase("Running"))
    for number in range(5):
        kwok.kill()
        kwok.start()
        seen.run(f"after-{number}")
        seen.wait(f"after-{number}", phase("Running"))
    seen.client.delete(seen.path("before"))
    until(lambda: _is_gone(seen, "before"), 60, "the pod to be gone")
