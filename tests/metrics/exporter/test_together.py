"""The embedded cluster and the exporter on a machine with two scripted GPUs, by the API server's paths."""

import os
import subprocess
import sys

import httpx
import pytest
import yaml

from tests.embedded import free_port, until
from tests.localcluster.running import pod, shell
from tests.metrics.exporter.conftest import Page
from tests.metrics.exporter.driver import MACHINE

PATH = "/api/v1/nodes/n1:9400/proxy/metrics"


@pytest.fixture
def cluster(tmp_path):
    """An API client of the embedded cluster; the exporter listens on another port than it is asked for."""
    port, kubeconfig = free_port(), tmp_path / "kubeconfig"
    node = ["--port", "0", "--node-name", "n1", "--node-port", f"9400={port}"]
    commands = (
        ["localcluster", "--home", str(tmp_path), *node],
        ["metrics.exporter", "--node-name", "n1", "--port", str(port), "--embedded", str(kubeconfig)],
    )
    started = [
        subprocess.Popen([sys.executable, "-m", *words], env=os.environ | MACHINE) for words in commands
    ]
    until(kubeconfig.exists, 60, "the embedded cluster")
    config = yaml.safe_load(kubeconfig.read_text())
    headers = {"authorization": f"Bearer {config['users'][0]['user']['token']}"}
    with httpx.Client(
        base_url=config["clusters"][0]["cluster"]["server"], headers=headers, timeout=60
    ) as client:
        until(lambda: client.get(PATH).status_code == 200, 60, "the exporter")
        yield client
    for process in started:
        process.terminate()
    assert [process.wait(30) for process in started] == [0, 0]


def test_a_gpu_carries_the_pod_that_holds_it_until_the_pod_is_over(cluster):
    node = cluster.get("/api/v1/nodes/n1").json()
    assert node["status"]["capacity"]["nvidia.com/gpu"] == "2"
    wanted = shell("sleep 600", resources={"limits": {"nvidia.com/gpu": "1"}})
    pods = "/api/v1/namespaces/default/pods"
    uid = cluster.post(pods, json=pod("train", wanted)).raise_for_status().json()["metadata"]["uid"]

    def held():
        page = Page(cluster.get(PATH).raise_for_status().text)
        return page.all("DCGM_FI_DEV_GPU_UTIL", pod="train")

    ((labels, value),) = until(held, 60, "the GPU of the pod")
    assert (labels["namespace"], labels["container"], labels["pod_uid"]) == ("default", "main", uid)
    assert value == 40 + int(labels["gpu"])
    assert len(Page(cluster.get(PATH).text).all("DCGM_FI_DEV_GPU_UTIL")) == 2
    cluster.delete(f"{pods}/train", params={"gracePeriodSeconds": 0})
    until(lambda: not held(), 60, "the GPU to be free")
