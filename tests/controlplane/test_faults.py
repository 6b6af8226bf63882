"""A control plane as tests of faults need it: smaller profiles, processes that die, nothing left behind."""

import subprocess
import sys

import httpx
import psutil
import pytest

from controlplane.plane import ControlPlane
from controlplane.profile import API
from controlplane.trouble import CannotStart
from tests.embedded import until


@pytest.fixture
def api_server(kit, tmp_path):
    with ControlPlane(kit, tmp_path, API) as plane:
        yield plane


def test_etcd_and_the_api_server_alone_keep_objects(api_server):
    api_server.client.apply("/api/v1/namespaces/default/configmaps/one", CONFIG)
    assert api_server.client.get("/api/v1/namespaces/default/configmaps/one")["data"] == {"rate": "0.1"}
    assert set(api_server.processes) == {"etcd", "kube-apiserver"}


CONFIG = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"rate": "0.1"}}'


def test_what_was_stored_survives_a_crash_of_the_api_server(api_server):
    api_server.client.apply("/api/v1/namespaces/default/configmaps/one", CONFIG)
    server = api_server.processes["kube-apiserver"]
    server.kill()
    assert api_server.dead() is server
    with pytest.raises(httpx.TransportError):
        api_server.client.get("/version")
    server.start()
    assert api_server.client.get("/api/v1/namespaces/default/configmaps/one")["data"] == {"rate": "0.1"}


def test_a_second_start_finds_what_the_first_left_and_nothing_runs_between(kit, tmp_path):
    with ControlPlane(kit, tmp_path, API) as plane:
        plane.client.apply("/api/v1/namespaces/default/configmaps/one", CONFIG)
        pids = [process.pid for process in plane.processes.values()]
        token = plane.pki.tokens["admin"]
    assert not any(map(psutil.pid_exists, pids))
    with ControlPlane(kit, tmp_path, API) as again:
        assert again.pki.tokens["admin"] == token
        assert again.client.get("/api/v1/namespaces/default/configmaps/one")["data"] == {"rate": "0.1"}


def test_a_state_that_cannot_be_read_is_told_with_the_log(kit, tmp_path):
    (tmp_path / "etcd").write_text("not a folder")
    plane = ControlPlane(kit, tmp_path, API)
    with pytest.raises(CannotStart, match=r"etcd ended with exit code 1: .*--data-dir"):
        plane.start()
    assert plane.processes == {}


def test_who_is_asked_to_end_in_the_middle_of_the_start_does(kit, tmp_path):
    argv = [sys.executable, "-m", "controlplane", "run", "--home", str(tmp_path / "home"), "--profile", "api"]
    with subprocess.Popen(argv) as starting:
        started = until(psutil.Process(starting.pid).children, what="its first process")
        starting.terminate()
        assert starting.wait(60) == 0
    until(lambda: all(map(gone, started)), what="the end of its processes")


def gone(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
