"""A real embedded cluster, and the sync running in a thread of the test."""

import threading

import pytest

from tests.embedded import embedded


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory):
    with embedded(tmp_path_factory.mktemp("sync")) as cluster:
        yield cluster


@pytest.fixture
def real_cluster(transactional_db, running_cluster, valkey):
    """The row of a cluster that answers."""
    from runyard.clusters.models import Cluster

    return Cluster.objects.create(name="local", kubeconfig=running_cluster.kubeconfig)


@pytest.fixture
def syncing(real_cluster):
    """The sync of `real_cluster`, running until the test ends."""
    from django.db import connections

    from runyard.sync import lease
    from runyard.sync.runner import Runner

    stop = threading.Event()
    epoch = lease.take(real_cluster)

    def run():
        try:
            Runner(real_cluster, epoch, stop).run(120)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield real_cluster
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
