"""The manifest for real nodes says what the exporter understands, and asks for no more than it needs."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

from metrics.exporter.__main__ import _options
from metrics.scraping import endpoints

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "examples" / "exporter"


@pytest.fixture
def pod():
    manifest = yaml.safe_load((FOLDER / "daemonset.yaml").read_text())
    assert manifest["spec"]["selector"]["matchLabels"] == manifest["spec"]["template"]["metadata"]["labels"]
    return manifest["spec"]["template"]


def test_its_arguments_port_and_mount_belong_together(pod):
    (container,) = pod["spec"]["containers"]
    options = _options(container["args"])
    (port,) = container["ports"]
    assert (options.listen, options.port) == ("0.0.0.0", port["containerPort"])
    (mount,), (volume,) = container["volumeMounts"], pod["spec"]["volumes"]
    assert options.pod_resources == f"{mount['mountPath']}/kubelet.sock"
    assert volume["hostPath"]["path"] == "/var/lib/kubelet/pod-resources"


def test_the_scrape_finds_it(pod):
    key, names = re.fullmatch(r"(\S+) in \((.*)\)", endpoints.EXPORTER_PODS).groups()
    assert pod["metadata"]["labels"][key] in names.split(", ")
    assert pod["spec"]["containers"][0]["ports"][0]["containerPort"] == endpoints.GPU_PORT


def test_it_has_no_right_that_it_does_not_need(pod):
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(spec)
    assert spec["automountServiceAccountToken"] is False
    rights = container["securityContext"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["allowPrivilegeEscalation"] is False
    assert "privileged" not in rights
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_its_image_holds_all_that_it_imports():
    """Outside the standard library: pynvml and, for the kubelet, grpc; of ours nothing but itself."""
    found = set()
    for path in (ROOT / "metrics" / "exporter").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").split(".")[0])
    assert found - sys.stdlib_module_names == {"pynvml", "grpc"}
    text = (FOLDER / "Dockerfile").read_text()
    assert '"nvidia-ml-py' in text
    assert '"grpcio' in text
