"""How the kit is built, with a Go that only pretends: once, whole or not at all, and saying what it lacks."""

import os
import subprocess
import sys
import threading

import psutil
import pytest

from controlplane import building, recipe
from controlplane.trouble import CannotBuild, NoGo
from tests.embedded import until

GO = """#!/bin/sh
case "$1" in
  version) echo "go version go{version} linux/amd64";;
  list) echo "{module}";;
  build) {build}
    while [ "$1" != -o ]; do shift; done
    echo "program $2" > "$2"; echo "$2" >> "{module}/built";;
esac
"""


@pytest.fixture
def module(tmp_path):
    """Where kwok's module is said to lie."""
    folder = tmp_path / "module"
    bases = folder / "kustomize" / "crd" / "bases"
    bases.mkdir(parents=True)
    for kind in recipe.CRDS:
        (bases / f"kwok.x-k8s.io_{kind}.yaml").write_text(kind)
    return folder


@pytest.fixture
def go(tmp_path, module, monkeypatch):
    """A function: put a Go of that version on the path, which runs `build` before it builds."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()

    def install(version="1.26.8", build=""):
        program = tmp_path / "bin" / "go"
        program.write_text(GO.format(version=version, module=module, build=build))
        program.chmod(0o755)

    install()
    return install


def test_it_is_built_once_with_its_checksums(go, module):
    said = []
    kit = building.build(said.append)
    assert building.find() == kit
    assert [os.path.basename(line) for line in (module / "built").read_text().splitlines()] == [
        program.name for program in recipe.PROGRAMS
    ]
    assert all(os.access(kit.program("etcd"), os.R_OK) for program in recipe.PROGRAMS)
    assert [file.read_text() for file in kit.crds()] == ["clusterlogs", "logs", "stages"]
    assert building.is_whole(kit.folder)
    assert any("kubectl: done" in line for line in said)

    said.clear()
    assert building.build(said.append) == kit
    assert said == []


def test_a_damaged_program_is_built_anew(go):
    kit = building.build(lambda line: None)
    with open(kit.program("kwok"), "a") as damaged:
        damaged.write("something else")
    assert not building.is_whole(kit.folder)
    building.build(lambda line: None)
    assert building.is_whole(kit.folder)


def test_another_go_makes_another_kit(go):
    first = building.build(lambda line: None)
    go("1.27.0")
    with pytest.raises(CannotBuild, match="run `make kit`"):
        building.find()
    assert building.build(lambda line: None).folder != first.folder


def test_what_does_not_build_is_told_and_leaves_nothing(go):
    go(build="echo 'undefined: etcd' >&2; exit 1")
    with pytest.raises(CannotBuild, match="etcd does not build:\nundefined: etcd"):
        building.build(lambda line: None)
    with pytest.raises(CannotBuild, match="not built yet"):
        building.find()


def test_where_there_is_no_network_that_is_what_is_told(go):
    go(build="echo 'Get x: dial tcp: lookup proxy: no such host' >&2; exit 1")
    with pytest.raises(CannotBuild, match="etcd cannot be downloaded; the first build needs a network"):
        building.build(lambda line: None)


def test_two_at_once_build_it_once(go, module, tmp_path):
    go(build=f"while [ ! -e {tmp_path / 'go-on'} ]; do sleep 0.05; done")
    waits, made = threading.Event(), []
    builders = [
        threading.Thread(
            target=lambda: made.append(building.build(lambda line: "waiting" in line and waits.set()))
        )
        for _ in range(2)
    ]
    for builder in builders:
        builder.start()
    assert waits.wait(60)
    (tmp_path / "go-on").touch()
    for builder in builders:
        builder.join(60)
    assert made[0] == made[1]
    assert len((module / "built").read_text().splitlines()) == len(recipe.PROGRAMS)


def test_a_build_that_is_killed_leaves_nothing_that_runs_and_nothing_for_good(go, tmp_path):
    go(build=f"echo $$ > {tmp_path / 'pid'}; mv {tmp_path / 'pid'} {tmp_path / 'builds'}; sleep 600")
    with subprocess.Popen([sys.executable, "-m", "controlplane", "build"]) as building_it:
        until((tmp_path / "builds").exists, what="the build")
        building_it.kill()
    until(lambda: is_gone(int((tmp_path / "builds").read_text())), what="its end")
    go()
    kit = building.build(lambda line: None)
    assert [path for path in kit.folder.parent.iterdir() if path.name.startswith("half-")] == []


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_older_go_is_named(go):
    go("1.24.2")
    with pytest.raises(NoGo, match=r"needs Go 1\.26 or newer; this is 'go version go1\.24\.2 linux/amd64'"):
        building.find()


def test_without_go_the_command_says_so_with_a_code_of_its_own(tmp_path):
    argv = [sys.executable, "-m", "controlplane", "build"]
    done = subprocess.run(argv, env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr == (
        "controlplane: the control-plane kit needs Go 1.26 or newer, and there is no `go`\n"
    )


def test_programs_are_stamped_with_the_version_that_the_module_names():
    [*_, linker] = recipe.flags()
    assert "-X k8s.io/component-base/version.gitVersion=v1." in linker
    assert "-X k8s.io/client-go/pkg/version.gitMajor=1" in linker
