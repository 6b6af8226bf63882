"""A real control plane with many running pods: those of a Job that it ran, and any number of copies of it.

The copies, each with a name, a uid and a node of its own, go straight into etcd, where the API server finds
them: through its front door fifty thousand would take the better part of an hour.
"""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import httpx

from controlplane import nodes
from controlplane.plane import ControlPlane
from tests.embedded import until

PODS, HURT, NAMESPACES = 10, 2, 20  # pods of a Job, and how many of them restart
TOGETHER, WRITERS, PATIENCE = 10, 4, 300  # Jobs written to etcd in one request; its limit is 128 objects
FIRST = "train-00000"
SPEC = {
    "parallelism": PODS,
    "template": {
        "metadata": {"labels": {f"team.example.com/label-{n}": f"value-{n}" for n in range(8)}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "main",
                    "image": "registry.example.com/team/torch:2.6-cu12",
                    "command": ["python", "train.py", "--config", "brand.yaml"],
                    "env": [{"name": f"VARIABLE_{n}", "value": f"some value {n}"} for n in range(20)],
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                    "volumeMounts": [{"name": f"volume-{n}", "mountPath": f"/data/{n}"} for n in range(8)],
                }
            ],
            "volumes": [{"name": f"volume-{n}", "emptyDir": {}} for n in range(8)],
        },
    },
}


def namespace(job: int) -> str:
    return f"team-{job % NAMESPACES:02}"


class Pods:
    """Those of a running control plane. The controllers end with the first Job: they would add to copies."""

    def __init__(self, plane: ControlPlane):
        self._plane, self._client, self.count = plane, plane.client, 0
        self._nodes = [name for name, _ in nodes.planned(plane.profile.nodes)]
        for number in range(NAMESPACES):
            self._apply(f"/api/v1/namespaces/{namespace(number)}", "Namespace", {})
        self._pods: list[dict[str, Any]] = []
        self._job = self._run_one()
        plane.processes["kube-controller-manager"].end()

    def _run_one(self) -> dict[str, Any]:
        path = f"/apis/batch/v1/namespaces/{namespace(0)}/jobs/{FIRST}"
        self._apply(path, "Job", {"spec": SPEC}, "batch/v1")
        until(lambda: self._client.get(path)["status"].get("ready") == PODS, PATIENCE, "the first Job to run")
        self._pods = self._client.get(f"/api/v1/namespaces/{namespace(0)}/pods")["items"]
        self.count = PODS
        return self._client.get(path)

    def _apply(self, path: str, kind: str, said: dict[str, Any], api: str = "v1") -> None:
        metadata = {"name": path.rpartition("/")[2]}
        self._client.apply(path, json.dumps({"apiVersion": api, "kind": kind, "metadata": metadata, **said}))

    def grow(self, count: int) -> None:
        """Until there are `count`, a multiple of PODS."""
        jobs = range(self.count // PODS, count // PODS)
        groups = [jobs[at : at + TOGETHER] for at in range(0, len(jobs), TOGETHER)]
        self._write([list(chain.from_iterable(map(self._copies, group))) for group in groups])
        self.count = count
        wanted = {"/apis/batch/v1/jobs": count // PODS, "/api/v1/pods": count}
        until(lambda: all(self._listed(path) == n for path, n in wanted.items()), PATIENCE, "all of them")

    def _listed(self, path: str) -> int:
        """How many it lists; none while it has yet to catch up with etcd."""
        try:
            listed = self._client.get(path, limit="500")
        except httpx.HTTPError:
            return 0
        return len(listed["items"]) + int(listed["metadata"].get("remainingItemCount", 0))

    def restart(self, jobs: range, times: int) -> None:
        """Let HURT pods of each of `jobs`, which begin with 1, have restarted so often.

        Each by itself, as API servers do: of changes with one version a new watch may tell a part.
        """
        self._write([[pair] for job in jobs for pair in self._copies(job, times)[1 : 1 + HURT]])

    def _write(self, requests: list[list[tuple[str, str]]]) -> None:
        """Put keys and values into etcd, those of a request in one transaction."""
        etcd = httpx.Client(base_url=self._plane.etcd_url, timeout=60)
        with etcd, ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda pairs: _put(etcd, pairs), requests))

    def _copies(self, job: int, restarts: int = 0) -> list[tuple[str, str]]:
        """Key and value of the copy of the first Job with this number, and of each of its pods."""
        name, place = f"train-{job:05}", namespace(job)
        others = {
            FIRST: name,
            self._job["metadata"]["uid"]: _uid(name),
            f'"namespace": "{namespace(0)}"': f'"namespace": "{place}"',
            '"restartCount": 0': f'"restartCount": {restarts}',
        }
        found = [(f"/registry/jobs/{place}/{name}", _copy(self._job, "batch/v1", "Job", others))]
        for index, pod in enumerate(self._pods):
            own = pod["metadata"]["name"].replace(FIRST, name)
            node = self._nodes[(job * PODS + index) % len(self._nodes)]
            its = {pod["metadata"]["uid"]: _uid(own), f'"{pod["spec"]["nodeName"]}"': f'"{node}"'}
            found.append((f"/registry/pods/{place}/{own}", _copy(pod, "v1", "Pod", its | others)))
        return found


def _uid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def _put(etcd: httpx.Client, pairs: list[tuple[str, str]]) -> None:
    puts = [{"requestPut": {"key": _text(key), "value": _text(value)}} for key, value in pairs]
    etcd.post("/v3/kv/txn", json={"success": puts}).raise_for_status()


def _copy(thing: dict[str, Any], api: str, kind: str, others: dict[str, str]) -> str:
    """As etcd keeps it, with these texts for those."""
    metadata = {name: value for name, value in thing["metadata"].items() if name != "resourceVersion"}
    text = json.dumps({"apiVersion": api, "kind": kind, **thing, "metadata": metadata})
    for old, new in others.items():
        text = text.replace(old, new)
    return text


def _text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
