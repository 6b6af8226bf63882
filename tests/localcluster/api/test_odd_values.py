"""Whatever stands where in an object, on create, update or patch, the answer is an object or a refusal."""

import copy

import pytest

from localcluster import patch
from localcluster.kinds.pods import LISTS
from localcluster.registry import Write
from localcluster.status import ApiError
from tests.contracts.objects import config_map, job, pod

ODD = (
    None,
    "",
    "x",
    0,
    -1,
    2**70,
    1.5,
    True,
    [],
    [None],
    ["x"],
    [[]],
    {},
    {"x": None},
    {"x": {"y": []}},
    "\0 😀",
)

FULL_POD = pod(
    "one",
    labels={"a": "b"},
    annotations={"a": "b"},
    ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "u"}],
    finalizers=["example.com/a"],
    container={
        "args": ["a"],
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "c"}}],
        "ports": [{"name": "web", "containerPort": 80}],
        "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": 1}, "requests": {"cpu": "500m"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a"}],
        "livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "a", "value": "b"}]}},
        "readinessProbe": {"exec": {"command": ["a"]}},
        "startupProbe": {"tcpSocket": {"port": "web"}},
    },
    spec={
        "initContainers": [{"name": "init", "image": "x"}],
        "volumes": [
            {"name": "v", "emptyDir": {"sizeLimit": "1Mi"}},
            {"name": "c", "configMap": {"name": "c"}},
        ],
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
        "activeDeadlineSeconds": 5,
        "hostname": "h",
    },
)
FULL_JOB = job(
    "one",
    spec={"completionMode": "Indexed", "completions": 2, "parallelism": 2, "ttlSecondsAfterFinished": 5},
)
SERVICE = {
    "metadata": {"name": "one"},
    "spec": {"ports": [{"port": 80, "name": "a"}], "selector": {"a": "b"}},
}
SECRET = {"metadata": {"name": "one"}, "data": {"a": "Yg=="}, "stringData": {"b": "c"}, "type": "Opaque"}
EVENT = {
    "metadata": {"name": "one"},
    "involvedObject": {"kind": "Pod", "name": "x", "namespace": "default"},
    "source": {"component": "c"},
    "count": 1,
}
NODE = {
    "metadata": {"name": "one"},
    "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
    "status": {"capacity": {"cpu": "1"}, "conditions": [{"type": "Ready", "status": "True"}]},
}
KINDS = {
    "pods": FULL_POD,
    "jobs.batch": FULL_JOB,
    "configmaps": config_map("one", {"a": "b"}),
    "secrets": SECRET,
    "services": SERVICE,
    "events": EVENT,
    "nodes": NODE,
    "namespaces": {"metadata": {"name": "one", "labels": {"a": "b"}}, "spec": {"finalizers": ["kubernetes"]}},
    "serviceaccounts": {
        "metadata": {"name": "one"},
        "secrets": [{"name": "s"}],
        "imagePullSecrets": [{"name": "i"}],
    },
}


def places(value, path=()):
    """Every path into an object."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield (*path, key)
        yield from places(one, (*path, key))


def variants(obj):
    """The object with an odd value at every place, one at a time."""
    for path in places(obj):
        for odd in ODD:
            changed = copy.deepcopy(obj)
            here = changed
            for key in path[:-1]:
                here = here[key]
            here[path[-1]] = odd
            yield changed


def survives(call, *arguments, **named):
    """The call returns, or refuses as the client's fault."""
    refusal = None
    try:
        call(*arguments, **named)
    except ApiError as error:
        refusal = error
    assert refusal is None or (refusal.code < 500 and refusal.status()["message"])


@pytest.mark.parametrize("resource", KINDS)
def test_odd_values_on_create(registry, resource):
    namespace = None if resource in ("nodes", "namespaces") else "default"
    for changed in variants(KINDS[resource]):
        survives(registry.create, resource, namespace, changed, dry_run=True)


@pytest.mark.parametrize("resource", KINDS)
def test_odd_values_on_update_status_and_apply(registry, resource):
    namespace = None if resource in ("nodes", "namespaces") else "default"
    stored = registry.create(resource, namespace, KINDS[resource])
    stored.setdefault("status", {})["conditions"] = [{"type": "A", "status": "True"}]
    del stored["metadata"]["managedFields"]
    for changed in variants(stored):
        survives(registry.update, resource, namespace, "one", changed, dry_run=True)
        survives(registry.update, resource, namespace, "one", changed, subresource="status", dry_run=True)
        survives(
            registry.apply, resource, namespace, "one", changed, Write("painter", dry_run=True), force=True
        )


@pytest.mark.parametrize("media", [patch.MERGE_PATCH, patch.STRATEGIC_PATCH])
def test_odd_values_in_a_patch(registry, media):
    stored = registry.create("pods", "default", FULL_POD)

    def through(change):
        registry.update("pods", "default", "one", patch.patched(stored, change, media, LISTS), dry_run=True)

    for changed in variants({key: FULL_POD[key] for key in ("metadata", "spec")}):
        survives(through, changed)
