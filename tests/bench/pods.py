"""Pods as big as real ones (about 6.6 KB), and a server of its own process that lists and watches them."""

import json
import multiprocessing
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

COUNT, EVENTS = 10_000, 10_000


def pod(number: int, version: int) -> dict:
    """A pod with what the field's pods carry: labels, env, mounts, conditions, managedFields."""
    name = f"llama-70b-sft-worker-{number}"
    labels = {f"team.example.com/label-{n}": f"value-{n}-{number % 50}" for n in range(8)}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": f"job-{number // 4}", "uid": f"j-{number // 4}"}
    fields = {f"f:field{n}": {"f:value": {}, f"k:{n}": {".": {}, "f:name": {}}} for n in range(24)}
    container = {
        "name": "main",
        "image": "registry.example.com/team/torch:2.6-cu12",
        "command": ["python", "train.py", "--config", "brand.yaml"],
        "env": [{"name": f"VARIABLE_{n}", "value": f"some value {n}"} for n in range(20)],
        "resources": {"requests": {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "1"}},
        "volumeMounts": [{"name": f"volume-{n}", "mountPath": f"/data/{n}"} for n in range(8)],
    }
    condition = {"status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-01-02T03:04:05Z"}
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "red", "uid": f"uid-{number}", "resourceVersion": str(version),
            "creationTimestamp": "2026-01-02T03:04:05Z", "labels": labels, "annotations": labels,
            "ownerReferences": [owner | {"controller": True}],
            "managedFields": [
                {"manager": m, "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T03:04:05Z",
                 "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": fields}}
                for m in ("controller", "kubelet")
            ],
        },
        "spec": {
            "nodeName": f"node-{number % 96}", "restartPolicy": "Never", "containers": [container],
            "volumes": [{"name": f"volume-{n}", "emptyDir": {}} for n in range(8)],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
        "status": {
            "phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-01-02T03:04:05Z",
            "conditions": [condition | {"type": kind} for kind in kinds],
            "containerStatuses": [
                {"name": "main", "ready": True, "restartCount": 0, "image": "x", "imageID": "sha256:0",
                 "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}}}
            ],
        },
    }  # fmt: skip


def pages(size: int) -> list[bytes]:
    """The list of COUNT pods in pages of `size`."""
    found = []
    for start in range(0, COUNT, size):
        token = str(start + size) if start + size < COUNT else ""
        items = [pod(number, number + 1) for number in range(start, min(COUNT, start + size))]
        metadata = {"resourceVersion": str(COUNT), "continue": token}
        found.append(
            json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}).encode()
        )
    return found


def watch_lines() -> list[bytes]:
    return [
        json.dumps({"type": "MODIFIED", "object": pod(n % COUNT, COUNT + n + 1)}).encode() + b"\n"
        for n in range(EVENTS)
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lists: dict[int, list[bytes]]
    lines: list[bytes]

    def do_GET(self) -> None:
        query = {key: values[0] for key, values in parse_qs(urlparse(self.path).query).items()}
        if query.get("watch"):
            return self._watch()
        size = int(query.get("limit", COUNT))
        body = self.lists[size][int(query.get("continue") or 0) // size]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(ConnectionError):  # a reader that has seen enough
            for line in self.lines:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        pass


def _serve(port: "multiprocessing.Queue[int]") -> None:
    _Handler.lists, _Handler.lines = {500: pages(500), COUNT: pages(COUNT)}, watch_lines()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    port.put(server.server_address[1])
    server.serve_forever()


@contextmanager
def serving():
    """The address of the server; it ends with the block."""
    context = multiprocessing.get_context("spawn")
    ports: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=_serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=120)}"
    finally:
        process.terminate()
        process.join()


def cpu(work) -> float:
    """CPU seconds of this process that `work` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began
