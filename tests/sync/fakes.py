"""A Kubernetes API that misbehaves on request, in memory: what a Source talks to."""

import json
from collections import deque

from runyard.clusters.connection import ApiError, Unreachable


def pod(uid, version, name="", **status):
    return {
        "metadata": {"uid": uid, "name": name or uid, "namespace": "red", "resourceVersion": str(version)},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
        "status": {"phase": "Pending", **status},
    }


def event(type_, found):
    return json.dumps({"type": type_, "object": found}).encode()


def bookmark(version):
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


def error(code):
    return event("ERROR", {"kind": "Status", "code": code, "reason": "Expired", "message": "too old"})


class FakeApi:
    """Plays `lists` and `watches` in order. A list is (version, items) or an exception; a watch is a list of
    lines and exceptions. Asked for one object alone, it tells the version it is at, `now`, or raises it."""

    def __init__(self, lists=(), watches=()):
        self.lists, self.watches, self.asked = deque(lists), deque(watches), []
        self.now = 1_000

    def read(self, method, path, params=None, read_seconds=30):
        if params == {"limit": 1}:
            if isinstance(self.now, Exception):
                raise self.now
            return json.dumps({"metadata": {"resourceVersion": str(self.now)}}).encode()
        self.asked.append(("list", dict(params or {})))
        answer = self.lists.popleft()
        if isinstance(answer, Exception):
            raise answer
        version, items, *token = answer
        metadata = {"resourceVersion": str(version)} | ({"continue": token[0]} if token else {})
        return json.dumps({"metadata": metadata, "items": items}).encode()

    def lines(self, path, params, read_seconds):
        self.asked.append(("watch", params["resourceVersion"]))
        if not self.watches:
            raise Unreachable("the script is over")
        return _Lines(self.watches.popleft())


class _Lines:
    def __init__(self, script):
        self._script = script

    def __iter__(self):
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            yield step

    def interrupt(self):
        pass


def expired():
    return ApiError(410, "Expired", "too old resource version")
