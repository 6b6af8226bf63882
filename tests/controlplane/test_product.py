"""`runyard up --cluster kit`: first workloads on a real Kubernetes, by the API, from submitted to gone."""

from contextlib import closing

import httpx
import pytest

from controlplane.client import Client
from tests.embedded import until
from tests.product import Api, running
from tests.realcluster import write_log

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def up(kit, tmp_path_factory):
    with running(tmp_path_factory.mktemp("kit") / "home", "--cluster", "kit") as product:
        yield product


@pytest.fixture(scope="module")
def api(up):
    with closing(Api(up.url, "admin", up.shown("Password"))) as client:
        yield client


@pytest.fixture(scope="module")
def server(up):
    with closing(Client.of(up.home / "control-plane" / "kubeconfig-admin")) as client:
        yield client


def test_a_workload_is_scheduled_on_gpus_runs_and_completes(api):
    sim = {"SIM_PENDING_SECONDS": "2", "SIM_RUN_SECONDS": "3"}
    pk = api.submit("first", "train", environment=sim, gpus=8)
    api.wait(pk, "Completed")
    phases = api.phases(pk)
    assert phases[0] == "Creating"
    assert phases[-2:] == ["Running", "Completed"]
    [pod] = api.pods(pk)
    assert pod["node"].startswith("h100-")


def test_one_that_fits_nowhere_says_why(api):
    pk = api.submit("huge", "train", gpus=64)
    row = api.insist(lambda: (found := api.read(pk))["reason"] == "Unschedulable" and found, 60, "the reason")
    assert (row["phase"], row["message"]) == ("Pending", "64 GPUs asked for, the largest node has 8 GPUs")
    [pod] = api.pods(pk)
    assert "4 Insufficient nvidia.com/gpu" in pod["message"]
    api.delete(pk)


def test_one_is_stopped_run_again_and_deleted(api, server, up):
    pk = api.submit("long", "train", environment={"SIM_STOP_SECONDS": "1"})
    api.wait(pk, "Running")
    [first] = api.pods(pk)
    write_log(server, up.home / "control-plane", "default", first["name"], "step 1", "step 2")
    assert api.insist(lambda: "step 2" in api.log(pk) and api.log(pk), 60, "its log") == "step 1\nstep 2\n"

    api.act(pk, "stop")
    api.wait(pk, "Stopped")
    until(lambda: not _pods_of(server, "long"), what="its pod to be gone")

    api.act(pk, "run")
    api.wait(pk, "Running")
    [again] = _pods_of(server, "long")
    assert again != first["name"]

    api.delete(pk)
    api.insist(lambda: api.read(pk)["deleted_at"], 60, "it to be gone")
    with pytest.raises(httpx.HTTPStatusError, match="not found"):
        server.get(f"{JOBS}/long")


def _pods_of(server, job):
    found = server.get(PODS, labelSelector=f"batch.kubernetes.io/job-name={job}")
    return [pod["metadata"]["name"] for pod in found["items"]]


def test_a_control_plane_that_dies_is_started_again_with_what_it_had(api, server, up):
    pk = api.submit("stays", "train")
    api.wait(pk, "Running")
    [pod] = _pods_of(server, "stays")
    up.child("control-plane").kill()
    up.wait_for("Control plane died (SIGKILL); restarted, ready (")
    assert _pods_of(server, "stays") == [pod]
    api.act(pk, "stop")
    api.wait(pk, "Stopped")
