"""A real embedded cluster, and the sync running in a thread of the test."""

import pytest

from tests.embedded import embedded
from tests.syncing import followed


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory):
    with embedded(tmp_path_factory.mktemp("sync")) as cluster:
        yield cluster


@pytest.fixture
def local_cluster(transactional_db, running_cluster, valkey):
    """The row of a cluster that answers."""
    from runyard.clusters.models import Cluster

    return Cluster.objects.create(name="local", kubeconfig=running_cluster.kubeconfig)


@pytest.fixture
def syncing(local_cluster):
    """`local_cluster`, followed until the test ends."""
    with followed(local_cluster):
        yield local_cluster
