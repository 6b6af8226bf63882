"""Loaded by pytest: a real Kubernetes control plane with simulated nodes, once a session, for whoever asks.

Without Go the tests that ask are skipped, in CI they fail. How a pod on it lives is said by variables of its
containers: see controlplane/stages/pods.yaml.
"""

import json
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane import building
from controlplane.client import Client
from controlplane.plane import ControlPlane
from controlplane.profile import FULL
from controlplane.trouble import CannotBuild, NoGo

_LOGS = "/apis/kwok.x-k8s.io/v1alpha1/namespaces/{}/logs/{}"


class RealCluster:
    """The running control plane, and what the tests let its pods write."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    @property
    def kubeconfig(self) -> Path:
        return self.plane.kubeconfig()

    def write_log(self, namespace: str, pod: str, *lines: str) -> None:
        write_log(self.plane.client, self.plane.home, namespace, pod, *lines)


def write_log(client: Client, home: Path, namespace: str, pod: str, *lines: str) -> None:
    """Let the containers of `pod` have written `lines`, in the format of container runtimes."""
    folder = home / "pods" / namespace
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{pod}.log"
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    file.write_text("".join(f"{now} stdout F {line}\n" for line in lines))
    entry = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Logs",
        "metadata": {"name": pod},
        "spec": {"logs": [{"logsFile": str(file)}]},
    }
    client.apply(_LOGS.format(namespace, pod), json.dumps(entry))


@pytest.fixture(scope="session")
def kit() -> building.Kit:
    """The programs of the control plane, as `make kit` built them."""
    try:
        return building.find()
    except NoGo as trouble:
        if os.environ.get("CI"):
            pytest.fail(str(trouble))
        pytest.skip(f"no test on a real Kubernetes: {trouble}")
    except CannotBuild as trouble:
        pytest.fail(str(trouble))


@pytest.fixture(scope="session")
def real_cluster(kit: building.Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with ControlPlane(kit, tmp_path_factory.mktemp("real-cluster"), FULL) as plane:
        yield RealCluster(plane)


@pytest.fixture
def real_namespace(real_cluster: RealCluster) -> Iterator[str]:
    """The name of a fresh namespace of the real cluster, deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    path = f"/api/v1/namespaces/{name}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    real_cluster.plane.client.apply(path, json.dumps(manifest))
    yield name
    real_cluster.plane.client.delete(path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure, the end of every log of the control plane."""
    report = yield
    if report.failed and isinstance(cluster := item.funcargs.get("real_cluster"), RealCluster):
        report.sections.append(("The control plane's logs", cluster.plane.tails()))
    return report
