"""`runyard doctor` and `runyard rbac` at a terminal: nothing runs, nothing is left behind."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from tests.embedded import embedded


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with embedded(tmp_path_factory.mktemp("doctor")) as cluster:
        yield cluster


@pytest.fixture
def runyard(tmp_path):
    """Runs a command line with a home that is not there; the finished process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
    home = tmp_path / "home"

    def run(*words, **variables):
        env = clean | {"RUNYARD_HOME": str(home)} | variables
        argv = [sys.executable, "-m", "runyardctl", *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=180)
        assert not home.exists()
        return done

    return run


def test_the_doctor_looks_at_the_kubeconfig_that_is_named(runyard, cluster):
    done = runyard("doctor", "--kubeconfig", cluster.kubeconfig)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Runyard can work here." in done.stdout


def test_the_doctor_looks_at_that_of_the_settings(runyard, cluster):
    words = ("doctor", "--json", "--read-only", "--namespaces=a,b")
    done = runyard(*words, RUNYARD_KUBECONFIG=cluster.kubeconfig)
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)


def test_the_doctor_ends_with_1_and_one_sentence_where_there_is_none(runyard):
    done = runyard("doctor", "--kubeconfig", "/nowhere")
    assert (done.returncode, done.stderr) == (1, "")
    assert "PROBLEM  kubeconfig: There is no kubeconfig at /nowhere." in done.stdout


def test_an_added_cluster_needs_a_runyard_that_runs(tmp_path):
    (tmp_path / "home").mkdir()
    env = os.environ | {"RUNYARD_HOME": str(tmp_path / "home")}
    argv = [sys.executable, "-m", "runyardctl", "doctor", "--cluster", "far"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "start it with `runyard up`" in done.stderr) == (1, True)


def test_rbac_prints_a_manifest(runyard):
    done = runyard("rbac", "--namespaces", "team-a", "--read-only")
    assert (done.returncode, done.stderr) == (0, "")
    kinds = [part["kind"] for part in yaml.safe_load_all(done.stdout)]
    assert kinds[-2:] == ["ClusterRole", "RoleBinding"]


def test_rbac_says_what_is_no_namespace(runyard):
    done = runyard("rbac", "--namespaces", "Team A")
    assert (done.returncode, done.stdout) == (1, "")
    assert "'Team A' is no name of a namespace; write them as a,b." in done.stderr
