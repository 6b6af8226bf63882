"""A cluster of many trainings of two pods each, as its API lists it in pages: what `sync_run` reads.

Objects are as big as real ones. They are made while they are read, from one template; how long that takes
is kept apart (`making`): it is none of the product's time.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from tests.bench.pods import pod

PODS, NAMESPACES = 2, 40
CREATED = "2026-01-02T03:04:05Z"


def namespace(number: int) -> str:
    return f"team-{number % NAMESPACES:02}"


class BigCluster:
    """Stands where a `Connection` does. `change` makes a hundredth of everything differ from before."""

    def __init__(self, jobs: int):
        self._jobs, self._rounds = jobs, 0
        self._job, self._pod = _template(_a_job()), _template(_a_pod())
        self.making = self.making_cpu = 0.0  # seconds

    def change(self) -> None:
        """Another hundredth of the jobs, with all their pods, each time: a pod of each restarts."""
        self._rounds += 1

    def read(
        self, method: str, path: str, params: dict[str, Any] | None = None, read_seconds: float = 30
    ) -> bytes:
        """One page of the list at `path`."""
        began, cpu, asked = time.perf_counter(), time.process_time(), params or {}
        count, make = {
            "/apis/batch/v1/jobs": (self._jobs, self._make_job),
            "/api/v1/pods": (self._jobs * PODS, self._make_pod),
        }[path]
        first = int(asked.get("continue", 0))
        last = min(count, first + asked.get("limit", count))
        metadata = {"resourceVersion": "9000000", "continue": str(last) if last < count else ""}
        body = b'{"metadata": %b, "items": [%b]}' % (
            json.dumps(metadata).encode(),
            b",".join(make(number) for number in range(first, last)),
        )
        self.making += time.perf_counter() - began
        self.making_cpu += time.process_time() - cpu
        return body

    def _changed(self, job: int) -> int:
        """In which round `job` changed last; 0 for never."""
        return next((n for n in range(self._rounds, 0, -1) if job % 100 == n % 100), 0)

    def _make_job(self, number: int) -> bytes:
        changed = self._changed(number)
        return self._job % {
            b"number": b"%06d" % number,
            b"namespace": namespace(number).encode(),
            b"version": b"%d" % (number + changed * 1_000_000),
            b"ready": b"%d" % (PODS - bool(changed)),
        }

    def _make_pod(self, number: int) -> bytes:
        job, index = divmod(number, PODS)
        changed = self._changed(job)
        hurt = bool(changed) and index == 0
        return self._pod % {
            b"number": b"%06d-%d" % (job, index),
            b"job": b"%06d" % job,
            b"namespace": namespace(job).encode(),
            b"version": b"%d" % (number + changed * 1_000_000),
            b"node": b"%d" % (number % 96),
            b"ready": b"False" if hurt else b"True",
            b"restarts": b"%d" % hurt,
        }


def _a_job() -> dict[str, Any]:
    """With the metadata and the containers of the pods that are made of it."""
    made = pod(0, 0)
    meta = made["metadata"] | {
        "name": "training-%(number)b",
        "uid": "uid-of-job-%(number)b",
        "namespace": "%(namespace)b",
        "resourceVersion": "%(version)b",
        "ownerReferences": [],
    }
    template = {"metadata": {"labels": made["metadata"]["labels"]}, "spec": made["spec"]}
    spec = {"parallelism": PODS, "completions": PODS, "backoffLimit": 3, "template": template}
    status = {"active": PODS, "ready": "NUMBER%(ready)bNUMBER", "startTime": CREATED}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec, "status": status}


def _a_pod() -> dict[str, Any]:
    made = pod(0, 0)
    owner = made["metadata"]["ownerReferences"][0] | {
        "name": "training-%(job)b",
        "uid": "uid-of-job-%(job)b",
    }
    made["metadata"] |= {
        "name": "training-%(number)b",
        "uid": "uid-of-pod-%(number)b",
        "namespace": "%(namespace)b",
        "resourceVersion": "%(version)b",
        "ownerReferences": [owner],
    }
    made["spec"]["nodeName"] = "node-%(node)b"
    for condition in made["status"]["conditions"]:
        if condition["type"] == "Ready":
            condition["status"] = "%(ready)b"
    made["status"]["containerStatuses"][0]["restartCount"] = "NUMBER%(restarts)bNUMBER"
    return made


def _template(thing: dict[str, Any]) -> bytes:
    return json.dumps(thing).replace('"NUMBER', "").replace('NUMBER"', "").encode()


def namespaces() -> Iterator[str]:
    return map(namespace, range(NAMESPACES))
