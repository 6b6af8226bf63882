"""Clusters for the controllers' tests."""

import pytest

from localcluster.registry import Registry
from localcluster.store import Store
from tests.localcluster.running import Cluster


@pytest.fixture
async def cluster(tmp_path):
    """A running cluster in this process; nothing of it runs on afterwards."""
    cluster = await Cluster(tmp_path).start()
    yield cluster
    await cluster.stop()


@pytest.fixture
def registry(tmp_path):
    """Objects that no controller looks after but one that the test itself makes look."""
    store = Store(tmp_path / "objects.db")
    registry = Registry(store)
    registry.bootstrap()
    yield registry
    store.close()
