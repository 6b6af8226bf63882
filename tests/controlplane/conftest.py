"""The real cluster as its own tests see it."""

import pytest

from tests.controlplane.seen import Seen


@pytest.fixture
def seen(real_cluster, real_namespace):
    return Seen(real_cluster.plane.client, real_namespace)
