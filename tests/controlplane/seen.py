"""Objects of the real cluster by name, and waiting for what becomes of them."""

import json

from tests.embedded import until

LONG = 60


class Seen:
    """One namespace of the real cluster: make objects in it, wait for what becomes of them."""

    def __init__(self, client, namespace):
        self.client, self.namespace = client, namespace

    def path(self, name="", kind="pods"):
        group = "/apis/batch/v1" if kind == "jobs" else "/api/v1"
        return f"{group}/namespaces/{self.namespace}/{kind}/{name}".rstrip("/")

    def run(self, name, *, sim=None, init=None, grace=30, **spec):
        """A pod whose container lives as the variables `sim` say, its init container as `init` say."""
        whole = pod_spec(sim, init) | {"terminationGracePeriodSeconds": grace} | spec
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": whole}
        self.client.apply(self.path(name), json.dumps(manifest))

    def start_job(self, name, *, sim=None, gpus=0, **spec):
        template = {"spec": pod_spec(sim, gpus=gpus)}
        manifest = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": template} | spec,
        }
        self.client.apply(self.path(name, "jobs"), json.dumps(manifest))

    def pods(self):
        return self.client.get(self.path())["items"]

    def wait(self, name, what, kind="pods"):
        """The object once `what(it)` is true."""

        def look():
            found = self.client.get(self.path(name, kind))
            return found if what(found) else None

        return until(look, LONG, f"{kind}/{name}")

    def wait_for_one(self, what):
        """The only pod of the namespace once `what(it)` is true."""
        return until(lambda: next((pod for pod in self.pods() if what(pod)), None), LONG, "a pod")

    def events(self, name):
        found = self.client.get(self.path(kind="events"), fieldSelector=f"involvedObject.name={name}")
        return {one["reason"] for one in found["items"]}


def pod_spec(sim=None, init=None, gpus=0):
    container = {"name": "main", "image": "registry.example/app:1", "env": _env(sim)}
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    spec = {"restartPolicy": "Never", "containers": [container]}
    if init is not None:
        spec["initContainers"] = [{"name": "before", "image": "registry.example/app:1", "env": _env(init)}]
    return spec


def _env(sim):
    return [{"name": f"SIM_{name.upper()}", "value": str(value)} for name, value in (sim or {}).items()]


def phase(*wanted):
    return lambda pod: pod["status"].get("phase") in wanted


def state(pod):
    """The state of its first container: (what, the details)."""
    [(what, details)] = pod["status"]["containerStatuses"][0]["state"].items()
    return what, details


def condition(thing, kind):
    """The condition of that type, an empty one when there is none."""
    return next((one for one in thing["status"].get("conditions", []) if one["type"] == kind), {})
