"""Manifests for the contract tests, and how they wait: a deadline, never a fixed sleep."""

import json
import secrets
import time
from contextlib import contextmanager

import pytest
from websockets.exceptions import InvalidStatus

CONTAINER = {"name": "main", "image": "registry.example/app:1", "command": ["true"]}
GATE = {"name": "runyard.example/held"}


def eventually(probe, seconds=60.0):
    """The first truthy value of `probe()`; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
    return value


def namespace_manifest():
    return {"metadata": {"name": f"contract-{secrets.token_hex(4)}"}}


def config_map(name, data=None, **metadata):
    return {"metadata": {"name": name, **metadata}, "data": data or {}}


def pod(name, *, spec=None, container=None, **metadata):
    """A pod that no scheduler takes."""
    containers = [CONTAINER | (container or {})]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": containers, "schedulingGates": [GATE], "restartPolicy": "Never"}
        | (spec or {}),
    }


def job(name, *, spec=None, template=None, **metadata):
    """A job that starts no pods."""
    pod_spec = {"containers": [CONTAINER], "restartPolicy": "Never"} | (template or {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **metadata},
        "spec": {"suspend": True, "template": {"spec": pod_spec}} | (spec or {}),
    }


def unversioned(obj):
    """The object as an update that overwrites: controllers may have touched it since it was read."""
    obj["metadata"].pop("resourceVersion", None)
    return obj


@contextmanager
def watching(raw, url, **params):
    """Events of a watch, as an iterator of (type, object)."""
    params = {"watch": "true", "timeoutSeconds": "20"} | params
    with raw.stream("GET", url, params=params) as response:
        if response.status_code != 200:
            response.read()
        assert response.status_code == 200, response.text
        yield (_event(line) for line in response.iter_lines())


def _event(line):
    event = json.loads(line)
    return event["type"], event["object"]


def names(answer):
    return [item["metadata"]["name"] for item in answer.json()["items"]]


def causes(answer):
    """{field: (reason, message)} of a Status."""
    return {one["field"]: (one["reason"], one["message"]) for one in answer.json()["details"]["causes"]}


def refusal(dial, *args, **how):
    """The status with which a websocket is refused."""
    with pytest.raises(InvalidStatus) as refused, dial(*args, **how):
        pass
    return refused.value.response.status_code
