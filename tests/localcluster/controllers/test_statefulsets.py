"""What one look of the StatefulSet controller does where there is very much to do, or a name is taken."""

import pytest

from localcluster.controllers.statefulsets import AT_ONCE, REVISIONS, STATEFUL, StatefulSetController
from localcluster.status import ApiError
from tests.localcluster.running import pod, shell

MANY = 2_000_000_000


def stateful(replicas, **spec):
    labels = {"app": "db"}
    template = {
        "metadata": {"labels": labels},
        "spec": pod("", shell("sleep 600"), restartPolicy="Always")["spec"],
    }
    wanted = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "db"}, "spec": wanted | spec}


def looked_at(registry, replicas, *, looks=1, **spec):
    """When it is to be looked at again, and its pods after so many looks."""
    registry.create(STATEFUL, "default", stateful(replicas, **spec))
    controller = StatefulSetController(registry)
    for _ in range(looks):
        again = controller.reconcile(("default", "db"))
    return again, [one["metadata"]["name"] for one in registry.list("pods", "default")]


def test_one_of_billions_is_made_one_after_the_other(registry):
    assert looked_at(registry, MANY) == (None, ["db-0"])


def test_one_of_billions_at_once_is_made_some_at_a_look(registry):
    again, pods = looked_at(registry, MANY, podManagementPolicy="Parallel")
    assert (again, len(pods)) == (0.0, AT_ONCE)


def test_ordinals_may_be_as_high_as_numbers_go(registry):
    spec = {"ordinals": {"start": MANY}, "podManagementPolicy": "Parallel"}
    assert looked_at(registry, 2, looks=3, **spec) == (None, [f"db-{MANY}", f"db-{MANY + 1}"])


def test_a_revision_gets_another_name_where_its_own_is_taken(registry):
    looked_at(registry, 0)
    [first] = registry.list(REVISIONS, "default")
    name = first["metadata"]["name"]
    registry.delete(REVISIONS, "default", name)
    registry.delete(STATEFUL, "default", "db")
    registry.create(
        REVISIONS, "default", {"metadata": {"name": name}, "revision": 1, "data": {"other": "data"}}
    )
    looked_at(registry, 0)
    status = registry.get(STATEFUL, "default", "db")["status"]
    assert status["collisionCount"] == 1
    assert status["updateRevision"] != name
    assert len(registry.list(REVISIONS, "default")) == 2


def test_claims_without_a_name_are_refused(registry):
    claim = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    claims = [claim | {"metadata": {"name": "data"}}, claim]
    with pytest.raises(ApiError, match=r"volumeClaimTemplates\[1\].metadata.name") as caught:
        registry.create(STATEFUL, "default", stateful(1, volumeClaimTemplates=claims))
    assert caught.value.code == 422
