"""How a volume's folder goes: beside the loop, whatever may be read only, and never in silence."""

import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from localcluster.controllers import volumes
from localcluster.kinds.storage import CLAIMS, CLASSES, PROVISIONER, VOLUMES
from localcluster.status import ApiError
from tests.embedded import until
from tests.localcluster.running import Server, eventually

NOBODY = 65534


@pytest.fixture
async def bound(cluster):
    """The name of a volume that was made for the claim "data", and its folder, which holds a file."""
    cluster.registry.create(CLASSES, None, {"metadata": {"name": "own"}, "provisioner": PROVISIONER})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    cluster.create(CLAIMS, {"metadata": {"name": "data"}, "spec": spec | {"storageClassName": "own"}})

    def taken():
        claim = cluster.registry.get(CLAIMS, "default", "data")
        return claim["status"]["phase"] == "Bound" and claim["spec"]["volumeName"]

    name = await eventually(taken)
    folder = cluster.home / "volumes" / name
    (folder / "note").write_text("kept")
    return name, folder


def is_gone(cluster, name):
    try:
        cluster.registry.get(VOLUMES, None, name)
    except ApiError:
        return True
    return False


async def test_the_cluster_goes_on_while_a_folder_is_removed(cluster, bound, monkeypatch):
    name, folder = bound
    begun, may_end = threading.Event(), threading.Event()

    def slowly(path):
        assert threading.current_thread() is not threading.main_thread()
        begun.set()
        assert may_end.wait(60)
        real(path)

    real = shutil.rmtree
    monkeypatch.setattr(volumes.shutil, "rmtree", slowly)
    cluster.registry.delete(CLAIMS, "default", "data")
    await eventually(begun.is_set)
    assert not is_gone(cluster, name)  # a server that dies now finds it again
    may_end.set()
    await eventually(lambda: is_gone(cluster, name))
    assert not folder.exists()


async def test_a_folder_that_stays_is_told_of(cluster, bound, monkeypatch):
    name, folder = bound

    def refused(path):
        raise OSError(16, "Device or resource busy", str(folder / "note"))

    with monkeypatch.context() as patched:
        patched.setattr(volumes.shutil, "rmtree", refused)
        cluster.registry.delete(CLAIMS, "default", "data")
        why = "Device or resource busy; remove it by hand, then delete the volume"
        words = f"cannot remove {folder / 'note'}: {why}"
        await eventually(lambda: ("VolumeFailedDelete", words) in cluster.events(name))
        status = cluster.registry.get(VOLUMES, None, name)["status"]
        assert status == {"phase": "Failed", "message": words}


@pytest.fixture
def as_nobody():
    """A folder of one who is not root, whom rights hold back; the test runs as that user."""
    with tempfile.TemporaryDirectory() as home:
        if os.geteuid():
            yield Path(home)
            return
        os.chown(home, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(home)
        finally:
            os.seteuid(0)


def test_folders_that_may_only_be_read_go_and_links_are_not_followed(as_nobody):
    folder, other = as_nobody / "volume", as_nobody / "other"
    inner = folder / "cache" / "deep"
    inner.mkdir(parents=True)
    other.mkdir(mode=0o500)
    (folder / "cache" / "link").symlink_to(other)
    (inner / "file").write_text("kept")
    for one in (inner, inner.parent):
        one.chmod(0o500)
    folder.chmod(0o000)
    assert volumes._removed(folder) == ""
    assert not folder.exists()
    assert other.stat().st_mode & 0o777 == 0o500


async def test_a_server_that_dies_while_it_makes_a_volume_leaves_no_folder_that_nothing_names(
    cluster, monkeypatch
):
    def dies(resource, *args, **how):
        if resource == VOLUMES:
            raise RuntimeError("the server is dead")
        return real(resource, *args, **how)

    real = cluster.registry.create
    monkeypatch.setattr(cluster.registry, "create", dies)
    cluster.registry.create(CLASSES, None, {"metadata": {"name": "own"}, "provisioner": PROVISIONER})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    cluster.create(CLAIMS, {"metadata": {"name": "data"}, "spec": spec | {"storageClassName": "own"}})
    [controller] = [one for one in cluster.controllers.running if isinstance(one, volumes.VolumeController)]
    with pytest.raises(RuntimeError):
        controller.reconcile((CLAIMS, "default", "data"))
    assert not (cluster.home / "volumes").exists()


async def test_who_dies_once_a_volume_is_made_leaves_its_folder_to_the_next_and_to_its_owner_alone(
    cluster, monkeypatch
):
    def dies(resource, *args, **how):
        made = real(resource, *args, **how)
        if resource == VOLUMES:
            raise RuntimeError("the server is dead")
        return made

    real = cluster.registry.create
    cluster.registry.create(CLASSES, None, {"metadata": {"name": "own"}, "provisioner": PROVISIONER})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    cluster.create(CLAIMS, {"metadata": {"name": "data"}, "spec": spec | {"storageClassName": "own"}})
    [controller] = [one for one in cluster.controllers.running if isinstance(one, volumes.VolumeController)]
    with monkeypatch.context() as patched:
        patched.setattr(cluster.registry, "create", dies)
        with pytest.raises(RuntimeError):
            controller.reconcile((CLAIMS, "default", "data"))
    [volume] = cluster.registry.list(VOLUMES)
    controller.reconcile((CLAIMS, "default", "data"))
    assert cluster.registry.get(CLAIMS, "default", "data")["status"]["phase"] == "Bound"
    folder = Path(volume["spec"]["hostPath"]["path"])
    assert (folder.is_dir(), folder.stat().st_mode & 0o777) == (True, 0o700)


def test_what_was_being_removed_goes_at_the_next_start_and_what_is_claimed_stays(tmp_path):
    """Killed at any moment: the store tells the next server which folders belong to claims that are gone."""
    server = Server(tmp_path).start()
    url, spec = "/api/v1/namespaces/default/persistentvolumeclaims", {"accessModes": ["ReadWriteOnce"]}
    spec |= {"resources": {"requests": {"storage": "1Mi"}}, "volumeName": None, "storageClassName": "now"}
    now = {"metadata": {"name": "now"}, "provisioner": PROVISIONER, "volumeBindingMode": "Immediate"}
    server.http.post("/apis/storage.k8s.io/v1/storageclasses", json=now).raise_for_status()
    for name in ("kept", "dropped"):
        server.http.post(url, json={"metadata": {"name": name}, "spec": spec}).raise_for_status()
    kept, dropped = (until(lambda: _folder(server, url, name)) for name in ("kept", "dropped"))  # noqa: B023
    for number in range(2000):
        (dropped / str(number)).touch()
    (kept / "note").write_text("kept")
    server.http.delete(f"{url}/dropped").raise_for_status()
    server.kill()
    server.start()
    until(lambda: not dropped.exists(), what="the folder to go")
    until(lambda: len(server.http.get("/api/v1/persistentvolumes").json()["items"]) == 1)
    assert (kept / "note").read_text() == "kept"
    server.kill()


def _folder(server, url, name):
    claim = server.http.get(f"{url}/{name}").json()
    if claim["status"]["phase"] != "Bound":
        return None
    folder = server.home / "volumes" / claim["spec"]["volumeName"]
    return folder if folder.exists() else None
