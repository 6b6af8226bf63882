"""The clusters to hold to the contract: the embedded one and a real Kubernetes, or the one that
RUNYARD_TEST_KUBECONFIG names.

Tests see only the kubeconfig, through the official client (`core`, `batch`) and plain HTTP (`raw`). Every
test has a namespace of its own; pods are held back by a scheduling gate, jobs by suspend: nothing runs. Where
something is to run, the nodes of the real one play it: they start no program, so what needs one is marked
`programs` and held on the others alone.
"""

import os
import secrets
import signal
import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from kubernetes import client, config
from websockets.sync.client import connect

from tests.contracts.objects import eventually, namespace_manifest

NAMED = os.environ.get("RUNYARD_TEST_KUBECONFIG")
STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
CLUSTERS = ["named"] if NAMED else ["embedded", "real"]


def pytest_configure(config):
    config.addinivalue_line("markers", "programs: its pods have to run real programs")


def pytest_collection_modifyitems(config, items):
    """What needs programs is not asked of nodes that are simulated."""
    without = [item for item in items if item.get_closest_marker("programs") and _is_real(item)]
    items[:] = [item for item in items if item not in without]
    config.hook.pytest_deselected(items=without)


def _is_real(item):
    return getattr(item, "callspec", None) is not None and item.callspec.params.get("cluster") == "real"


@pytest.fixture(scope="session", params=CLUSTERS)
def cluster(request):
    """Which of them: a word."""
    return request.param


@pytest.fixture(scope="session")
def kubeconfig(cluster, request, tmp_path_factory):
    """The path of a kubeconfig that leads to the running cluster."""
    if cluster == "named":
        yield Path(NAMED)
    elif cluster == "real":
        yield request.getfixturevalue("real_cluster").kubeconfig
    else:
        with _embedded(tmp_path_factory.mktemp("localcluster")) as file:
            yield file


@contextmanager
def _embedded(home):
    words = ("--home", str(home), "--port", "0", "--node-name", "node-1")
    errors = (home / "stderr").open("w")
    with errors, subprocess.Popen([sys.executable, "-m", "localcluster", *words], stderr=errors) as process:
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
def namespace(core, cluster):
    """The name of a fresh namespace, deleted afterwards."""
    name = core.create_namespace(namespace_manifest()).metadata.name
    if cluster == "real":  # its controllers write a config map of their own into each, a little later
        eventually(lambda: core.list_namespaced_config_map(name).items)
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
def expired_version(cluster, request, raw, configmaps):
    """A resourceVersion that was once good and whose history is gone."""
    if cluster == "real":
        request.getfixturevalue("real_cluster").plane.compact()
        return "1"
    version = raw.get(configmaps).json()["metadata"]["resourceVersion"]
    raw.post(configmaps, json={"metadata": {"name": "something-later"}}).raise_for_status()
    compacted = raw.post("/debug/compact")  # the embedded cluster's
    return version if compacted.status_code == 200 else "1"  # any other has long forgotten its first one


@pytest.fixture
def let_write(cluster, request, namespace):
    """A function: the pod of that name has written these lines. Real programs have by themselves."""

    def written(pod, *lines):
        if cluster == "real":
            request.getfixturevalue("real_cluster").write_log(namespace, pod, *lines)

    return written


@pytest.fixture
def storage_class(raw, cluster):
    """`storage_class(**fields)`: the name of a new class by which the cluster itself makes folders."""
    made = []

    def create(**fields):
        made.append(f"contract-{secrets.token_hex(4)}")
        provisioner = "localcluster/folder" if cluster == "embedded" else "kubernetes.io/host-path"
        body = {"metadata": {"name": made[-1]}, "provisioner": provisioner} | fields
        raw.post(STORAGE_CLASSES, json=body).raise_for_status()
        return made[-1]

    yield create
    for name in made:
        raw.delete(f"{STORAGE_CLASSES}/{name}")


@pytest.fixture
def group():
    """A group of custom resources that nobody else defines."""
    return f"c{secrets.token_hex(4)}.example.org"


@pytest.fixture
def dial(api_client, namespace):
    """`dial(pod, *command, **how)`: an open websocket to a command beside the pod's container."""
    settings = api_client.configuration

    def opened(
        name, *command, below="exec", protocols=("v5.channel.k8s.io",), stdin=False, tty=False, **query
    ):
        wanted = {"stdin": stdin, "stdout": True, "stderr": not tty, "tty": tty} | query
        asked = [(key, str(value).lower()) for key, value in wanted.items()]
        asked += [("command", word) for word in command]
        url = f"{settings.host}/api/v1/namespaces/{namespace}/pods/{name}/{below}?{urlencode(asked)}"
        context = ssl.create_default_context(cafile=settings.ssl_ca_cert) if settings.ssl_ca_cert else None
        if context and settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        headers = {
            one["key"]: one["value"] for one in settings.auth_settings().values() if one["in"] == "header"
        }
        where = url.replace("http", "ws", 1)
        return connect(where, ssl=context, additional_headers=headers, subprotocols=protocols, proxy=None)

    return opened
