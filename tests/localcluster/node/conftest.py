"""Clusters for the node's tests."""

import pytest

from tests.localcluster.running import Cluster, Server


@pytest.fixture
async def cluster(tmp_path):
    """A running cluster in this process; nothing of it runs on afterwards."""
    cluster = await Cluster(tmp_path).start()
    yield cluster
    await cluster.stop()


@pytest.fixture
def server(tmp_path):
    """The real server, stopped afterwards if the test has not done so."""
    server = Server(tmp_path).start()
    yield server
    if server.process.poll() is None:
        server.stop()
