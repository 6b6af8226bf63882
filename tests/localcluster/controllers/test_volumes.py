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
from tests.localcluster.running import eventually

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
