"""A cluster to hold to the contract: the embedded one, or the one RUNYARD_TEST_KUBECONFIG names.

Tests see only the kubeconfig, through the official client (`core`, `batch`) and plain HTTP (`raw`). Every
test has a namespace of its own; pods are held back by a scheduling gate, jobs by suspend: nothing runs.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from kubernetes import client, config

from tests.contracts.objects import eventually, namespace_manifest


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory):
    """The path of a kubeconfig that leads to a running cluster."""
    if named := os.environ.get("RUNYARD_TEST_KUBECONFIG"):
        yield Path(named)
        return
    home = tmp_path_factory.mktemp("localcluster")
    command = [
        sys.executable,
        "-m",
        "localcluster",
        "--home",
        str(home),
        "--port",
        "0",
        "--node-name",
        "node-1",
    ]
    errors = (home / "stderr").open("w")
    with errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            eventually(lambda: (home / "kubeconfig").exists() or _died(process, home))
            yield home / "kubeconfig"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _died(process, home):
    if process.poll() is not None:
        pytest.fail(f"the cluster ended at once: {(home / 'stderr').read_text()}")


@pytest.fixture(scope="session")
def api_client(kubeconfig):
    return config.new_client_from_config(config_file=str(kubeconfig))


@pytest.fixture(scope="session")
def core(api_client):
    return client.CoreV1Api(api_client)


@pytest.fixture(scope="session")
def batch(api_client):
    return client.BatchV1Api(api_client)


@pytest.fixture(scope="session")
def raw(api_client):
    """Plain HTTP with the kubeconfig's credentials: for what a typed client would hide."""
    settings = api_client.configuration
    headers = {"user-agent": "contract/1.0"}
    headers |= {
        one["key"]: one["value"] for one in settings.auth_settings().values() if one["in"] == "header"
    }
    cert = (settings.cert_file, settings.key_file) if settings.cert_file else None
    verify = settings.ssl_ca_cert or settings.verify_ssl
    with httpx.Client(base_url=settings.host, headers=headers, verify=verify, cert=cert, timeout=30) as http:
        yield http


@pytest.fixture
def namespace(core):
    """The name of a fresh namespace, deleted afterwards."""
    name = core.create_namespace(namespace_manifest()).metadata.name
    yield name
    core.delete_namespace(name)


@pytest.fixture
def configmaps(raw, namespace):
    """The URL of the namespace's configmaps, the plainest kind there is."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def pods(namespace):
    return f"/api/v1/namespaces/{namespace}/pods"


@pytest.fixture
def jobs(namespace):
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


@pytest.fixture
def expired_version(raw, configmaps):
    """A resourceVersion that was once good and whose history is gone."""
    version = raw.get(configmaps).json()["metadata"]["resourceVersion"]
    raw.post(configmaps, json={"metadata": {"name": "something-later"}}).raise_for_status()
    compacted = raw.post(
        "/debug/compact"
    )  # the embedded cluster's; any other has long forgotten its first version
    return version if compacted.status_code == 200 else "1"
