"""A registry on a file of its own with a clock the test moves, and the application over it, in process."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from localcluster.app import Application
from localcluster.registry import Registry
from localcluster.store import Store

TOKEN = "a-token"


class Clock:
    """Stands still until moved."""

    def __init__(self):
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self):
        return self.now

    def move(self, **by):
        self.now += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "objects.db")
    yield store
    store.close()


@pytest.fixture
def registry(store, clock):
    registry = Registry(store, clock)
    registry.bootstrap()
    return registry


@pytest.fixture
def logs():
    """What the node was asked for, and the chunks it will answer with."""
    return FakeLogs()


class FakeLogs:
    def __init__(self):
        self.asked = []
        self.chunks = [b"one\n", b"two\n"]

    async def __call__(self, namespace, name, container, options):
        self.asked.append((namespace, name, container, options))
        for chunk in self.chunks:
            yield chunk


class FakeDoor:
    """A node on which nothing listens and nothing is measured."""

    name = "node-1"

    def node_port(self, port):
        return None

    def pod_port(self, pod, port):
        return None

    async def page(self, path):
        return None

    async def node_metrics(self):
        return []

    async def pod_metrics(self):
        return []


@pytest.fixture
async def http(registry, logs):
    transport = httpx.ASGITransport(Application(registry, TOKEN, logs, FakeDoor()))
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:6443", headers=headers
    ) as client:
        yield client
