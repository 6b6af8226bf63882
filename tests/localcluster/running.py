"""A cluster for tests: in this process (quick, its clocks can be turned) or the real server, to be killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import yaml

from localcluster.backoff import Backoff
from localcluster.controllers import start_controllers
from localcluster.logoptions import LogOptions
from localcluster.node import start_node
from localcluster.registry import Registry
from localcluster.store import Store

NODE = "node-1"
QUICK = Backoff(0.2, 0.4)


def container(*command, name="main", **more):
    return {"name": name, "image": "example/app:1", "command": list(command), **more}


def shell(script, **more):
    return container("sh", "-c", script, **more)


def python(script, **more):
    return container(sys.executable, "-c", script, **more)


def pod(name, *containers, labels=None, **spec):
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        "containers": list(containers),
        **spec,
    }
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def job(name, *containers, template=None, **spec):
    inner = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "containers": list(containers)}
    return {"metadata": {"name": name}, "spec": {"template": {"spec": {**inner, **(template or {})}}, **spec}}


def condition(obj, kind):
    """(status, reason) of a condition; None without it."""
    for one in obj.get("status", {}).get("conditions", []):
        if one["type"] == kind:
            return one["status"], one.get("reason")
    return None


def state(pod, name="main"):
    """(waiting|running|terminated, its details) of a container."""
    status = pod["status"]
    every = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
    found = next(one for one in every if one["name"] == name)
    return next(iter(found["state"].items()))


def restarts(pod):
    return pod["status"]["containerStatuses"][0]["restartCount"]


def process_of(pod):
    """The pid of the main container's process."""
    return int(pod["status"]["containerStatuses"][0]["containerID"].removeprefix("process://"))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may end between open and read
        return False


async def eventually(probe, seconds=60.0):
    """The first truthy value of `probe()`; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)
    return value


class Cluster:
    """Registry, controllers and node in this process; namespace "default"."""

    def __init__(self, home):
        self.home = home

    async def start(self, node_backoff=QUICK, job_backoff=QUICK):
        self.store = Store(self.home / "objects.db")
        self.registry = Registry(self.store)
        self.registry.bootstrap()
        self.node = await start_node(self.registry, self.home, NODE, backoff=node_backoff)
        self.node.memory_seconds = 0.05
        self.controllers = await start_controllers(self.registry, self.home, job_backoff=job_backoff)
        return self

    async def stop(self):
        await self.controllers.stop()
        await self.node.stop()
        self.store.close()

    def create(self, resource, obj):
        return self.registry.create(resource, "default", obj)

    def run(self, *args, **kwargs):
        return self.create("pods", pod(*args, **kwargs))

    def pod(self, name):
        return self.registry.get("pods", "default", name)

    def pods(self):
        return self.registry.list("pods", "default")

    def job(self, name):
        return self.registry.get("jobs.batch", "default", name)

    def change(self, resource, name, **spec):
        self.registry.mutate(resource, "default", name, lambda obj: obj["spec"].update(spec))

    def phase(self, name):
        return self.pod(name)["status"]["phase"]

    async def ended(self, name, seconds=60.0):
        """The pod, once it is Succeeded or Failed."""
        await eventually(lambda: self.phase(name) in ("Succeeded", "Failed"), seconds)
        return self.pod(name)

    async def running(self, name):
        await eventually(lambda: self.phase(name) == "Running")
        return self.pod(name)

    async def gone(self, name):
        await eventually(lambda: name not in [one["metadata"]["name"] for one in self.pods()])

    async def log(self, name, container="main", **options):
        chunks = self.node.logs("default", name, container, LogOptions(**options))
        return b"".join([chunk async for chunk in chunks])

    async def logged(self, name, text):
        """Returns once the log of the main container holds `text`."""
        async for chunk in self.node.logs("default", name, "main", LogOptions(follow=True)):
            if text in chunk:
                return

    def events(self, name):
        """(reason, message) of what was told about the object of that name."""
        every = self.registry.list("events", "default", fields=f"involvedObject.name={name}")
        return [(one["reason"], one["message"]) for one in every]


class Server:
    """The real server in a process of its own, spoken to over HTTP."""

    def __init__(self, home):
        self.home, self.process, self.http = home, None, None

    def start(self, node=NODE):
        (self.home / "kubeconfig").unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "localcluster",
            "--home",
            str(self.home),
            "--port",
            "0",
            "--node-name",
            node,
        ]
        self.process = subprocess.Popen(command, env=os.environ | {"RUNYARD_SECRET_KEY": "do not tell"})
        deadline = time.monotonic() + 60
        while not (self.home / "kubeconfig").exists():
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.01)
        config = yaml.safe_load((self.home / "kubeconfig").read_text())
        token = config["users"][0]["user"]["token"]
        headers = {"authorization": f"Bearer {token}"}
        self.http = httpx.Client(
            base_url=config["clusters"][0]["cluster"]["server"], headers=headers, timeout=30
        )
        return self

    def kill(self):
        """As a crash would."""
        self.process.kill()
        self.process.wait()
        self.http.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.http.close()
        return code

    def create(self, resource, obj):
        group = "/apis/batch/v1" if resource == "jobs" else "/api/v1"
        self.http.post(f"{group}/namespaces/default/{resource}", json=obj).raise_for_status()

    def get(self, resource, name):
        group = "/apis/batch/v1" if resource == "jobs" else "/api/v1"
        return self.http.get(f"{group}/namespaces/default/{resource}/{name}").raise_for_status().json()

    def pods(self):
        return self.http.get("/api/v1/namespaces/default/pods").raise_for_status().json()["items"]

    def log(self, name, **params):
        return (
            self.http.get(f"/api/v1/namespaces/default/pods/{name}/log", params=params)
            .raise_for_status()
            .text
        )

    def until(self, name, phase, seconds=60):
        deadline = time.monotonic() + seconds
        while (found := self.get("pods", name))["status"]["phase"] != phase:
            assert time.monotonic() < deadline, found["status"]
            time.sleep(0.01)
        return found
