"""Clusters for the controllers' tests."""

import pytest

from tests.localcluster.running import Cluster


@pytest.fixture
async def cluster(tmp_path):
    """A running cluster in this process; nothing of it runs on afterwards."""
    cluster = await Cluster(tmp_path).start()
    yield cluster
    await cluster.stop()
