"""The one way to a cluster: what it says when it cannot be gone."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from runyard.clusters.connection import ApiError, Unreachable, connect
from runyard.clusters.models import Cluster
from tests.embedded import embedded, free_port


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    with embedded(tmp_path_factory.mktemp("connection")) as cluster:
        yield cluster


@pytest.fixture
def changed(answering, tmp_path):
    """`changed(change)`: the cluster reached through a kubeconfig that `change` has altered."""

    def make(change):
        config = yaml.safe_load(Path(answering.kubeconfig).read_text())
        change(config)
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return Cluster(name="local", kubeconfig=str(path))

    return make


def test_it_answers(answering):
    found = json.loads(
        connect(Cluster(kubeconfig=answering.kubeconfig)).read("GET", "/api/v1/namespaces/default")
    )
    assert found["metadata"]["name"] == "default"


def test_a_wrong_token_is_refused_with_the_servers_reason(changed):
    cluster = changed(lambda config: config["users"][0]["user"].update(token="wrong"))
    with pytest.raises(ApiError) as error:
        connect(cluster).read("GET", "/api/v1/pods")
    assert (error.value.code, error.value.reason) == (401, "Unauthorized")


def test_nothing_at_the_address_is_said_in_words(changed):
    address = f"http://127.0.0.1:{free_port()}"
    cluster = changed(lambda config: config["clusters"][0]["cluster"].update(server=address))
    with pytest.raises(Unreachable, match="does not answer"):
        connect(cluster).read("GET", "/api/v1/pods")


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Unreachable, match=r"no kubeconfig at .*nowhere"):
        connect(Cluster(kubeconfig=str(tmp_path / "nowhere")))


@pytest.mark.parametrize("text", ["", "{", "just words", "[1, 2]", "clusters: []", "\0"])
def test_a_kubeconfig_that_is_none_is_named(tmp_path, text):
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(Unreachable, match="cannot be used"):
        connect(Cluster(kubeconfig=str(path)))


def test_a_kubeconfig_that_is_replaced_is_read_again(changed, answering):
    cluster = changed(lambda config: config["users"][0]["user"].update(token="wrong"))
    with pytest.raises(ApiError):
        connect(cluster).read("GET", "/api/v1/pods")
    shutil.copy(answering.kubeconfig, cluster.kubeconfig)
    os.utime(cluster.kubeconfig, (1, 1))
    assert connect(cluster).read("GET", "/api/v1/pods")


def test_what_is_not_there_is_a_404_with_kubernetes_words(answering):
    with pytest.raises(ApiError, match='pods "none" not found') as error:
        connect(Cluster(kubeconfig=answering.kubeconfig)).read("GET", "/api/v1/namespaces/default/pods/none")
    assert error.value.code == 404
