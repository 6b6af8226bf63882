"""A control plane as tests of faults need it: smaller profiles, processes that die, nothing left behind."""

import errno
import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from controlplane import ports
from controlplane.__main__ import main
from controlplane.plane import ControlPlane
from controlplane.profile import API, FULL
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


def test_folders_that_it_made_for_claims_go_with_it(kit, tmp_path):
    with ControlPlane(kit, tmp_path, FULL) as plane:
        for path, manifest in (
            ("/apis/storage.k8s.io/v1/storageclasses/folders", FOLDERS),
            ("/api/v1/namespaces/default/persistentvolumeclaims/data", CLAIM),
        ):
            plane.client.apply(path, json.dumps(manifest))
        [volume] = until(lambda: plane.client.get("/api/v1/persistentvolumes")["items"], 60, "a volume")
        folder = Path(volume["spec"]["hostPath"]["path"])
        assert folder.is_dir()
    assert not folder.exists()


FOLDERS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "folders"},
    "provisioner": "kubernetes.io/host-path",
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {
        "storageClassName": "folders",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


def test_a_state_that_cannot_be_read_is_told_with_the_log(kit, tmp_path):
    (tmp_path / "etcd").write_text("not a folder")
    plane = ControlPlane(kit, tmp_path, API)
    with pytest.raises(CannotStart, match=r"etcd ended with exit code 1: .*--data-dir"):
        plane.start()
    assert plane.processes == {}


def test_a_port_that_somebody_has_is_told_in_words(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "FREED_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        with pytest.raises(CannotStart, match=f"^port {port} of 127.0.0.1 is taken by another program; end"):
            ControlPlane(kit, tmp_path, API, port).start()


def test_a_port_that_nobody_lets_us_have_is_told_at_once(kit, tmp_path, monkeypatch):
    asked = []

    def refuse(address):
        asked.append(address)
        raise PermissionError(errno.EACCES, "Permission denied (while attempting to bind)")

    monkeypatch.setattr(socket, "create_server", refuse)
    told = "^cannot listen on port 443 of 127.0.0.1: Permission denied; choose another port$"
    with pytest.raises(CannotStart, match=told):
        ControlPlane(kit, tmp_path, API, 443).start()
    assert asked == [("127.0.0.1", 443)]


@pytest.mark.parametrize("port", ["70000", "65536", "-1", "https", ""])
def test_what_is_no_port_is_told_in_a_line(tmp_path, capsys, port):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--home", str(tmp_path), "--port", port])
    assert ended.value.code == 2
    assert f"argument --port: '{port}' is no port: give 1 to 65535, or 0 for any\n" in capsys.readouterr().err


def test_port_0_is_any_that_is_free(kit, tmp_path):
    with ControlPlane(kit, tmp_path, API, 0) as plane:
        assert plane.client.get("/version")["major"] == "1"
    assert "https://127.0.0.1:0" not in plane.kubeconfig().read_text()


def test_who_is_killed_leaves_nothing_that_runs_and_its_port_to_the_next(kit, tmp_path):
    words = (
        "--home",
        tmp_path,
        "--profile",
        "api",
        "--port",
        ports.free(),
        "--ready-file",
        tmp_path / "ready",
    )
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-m", "controlplane", "run", *map(str, words)]) as runs:
            until((tmp_path / "ready").exists, 90, "its start")
            children = psutil.Process(runs.pid).children()
            runs.kill()
        until(lambda: all(map(gone, children)), what="the end of its processes")  # noqa: B023
        assert len(children) == 2
        (tmp_path / "ready").unlink()


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
