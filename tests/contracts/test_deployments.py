"""Deployments and ReplicaSets: pods come, are scaled, rolled to another template, and go with their owner."""

import pytest

from tests.contracts.objects import causes, eventually, names
from tests.contracts.test_running import program

MERGE = {"content-type": "application/merge-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
LABELS = {"app": "web"}


def web(kind="Deployment", replicas=2, **spec):
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [program("main", "sleep 600")], "terminationGracePeriodSeconds": 0},
    }
    wanted = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": wanted | spec}


@pytest.fixture
def deployments(namespace):
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


@pytest.fixture
def sets(namespace):
    return f"/apis/apps/v1/namespaces/{namespace}/replicasets"


@pytest.fixture
def rolled(raw, deployments):
    """`rolled(available)`: the deployment, once it has rolled out and so many are available."""

    def ready(available):
        found = raw.get(f"{deployments}/web").json()
        status = found["status"]
        seen = status.get("observedGeneration") == found["metadata"]["generation"]
        counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
        return found if seen and counts == {available} else None

    return lambda available: eventually(lambda: ready(available))


def conditions(obj):
    return {one["type"]: (one["status"], one["reason"]) for one in obj["status"].get("conditions", [])}


def test_a_replica_set_keeps_as_many_pods_as_are_wanted(raw, sets, pods):
    made = raw.post(sets, json=web("ReplicaSet")).json()
    status = eventually(lambda: ready_status(raw, f"{sets}/web", 2))
    assert (status["replicas"], status["availableReplicas"], status["fullyLabeledReplicas"]) == (2, 2, 2)
    first, second = raw.get(pods).json()["items"]
    for pod in (first, second):
        assert pod["metadata"]["labels"] == LABELS
        assert pod["metadata"]["name"].startswith("web-")
        [owner] = pod["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    raw.delete(f"{pods}/{first['metadata']['name']}").raise_for_status()
    eventually(lambda: first["metadata"]["name"] not in names(raw.get(pods)))
    eventually(lambda: ready_status(raw, f"{sets}/web", 2))


def ready_status(raw, path, count):
    status = raw.get(path).json()["status"]
    return status if status.get("readyReplicas", 0) == status["replicas"] == count else None


def test_a_deployment_gets_its_defaults_and_rolls_out(raw, deployments, sets, rolled):
    made = raw.post(deployments, json=web()).json()["spec"]
    assert made["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    assert (made["revisionHistoryLimit"], made["progressDeadlineSeconds"]) == (10, 600)
    assert made["template"]["spec"]["restartPolicy"] == "Always"
    found = rolled(2)
    assert conditions(found)["Available"] == ("True", "MinimumReplicasAvailable")
    eventually(
        lambda: (
            conditions(raw.get(f"{deployments}/web").json())["Progressing"]
            == ("True", "NewReplicaSetAvailable")
        )
    )
    [own] = raw.get(sets).json()["items"]
    mark = own["metadata"]["labels"]["pod-template-hash"]
    assert own["metadata"]["name"] == f"web-{mark}"
    assert own["spec"]["selector"]["matchLabels"] == LABELS | {"pod-template-hash": mark}
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


def new_template(value):
    container = {"name": "main", "env": [{"name": "COLOUR", "value": value}]}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def test_another_template_is_rolled_out_and_back(raw, deployments, sets, pods, rolled):
    raw.post(deployments, json=web()).raise_for_status()
    rolled(2)
    [first] = names(raw.get(sets))
    raw.patch(f"{deployments}/web", json=new_template("blue"), headers=STRATEGIC).raise_for_status()
    rolled(2)
    by_name = {one["metadata"]["name"]: one for one in raw.get(sets).json()["items"]}
    [second] = set(by_name) - {first}
    assert (by_name[first]["spec"]["replicas"], by_name[second]["spec"]["replicas"]) == (0, 2)
    eventually(lambda: all(name.startswith(second) for name in names(raw.get(pods))))
    before = {"spec": {"template": web()["spec"]["template"]}}
    raw.patch(f"{deployments}/web", json=before, headers=MERGE).raise_for_status()
    found = rolled(2)
    assert set(names(raw.get(sets))) == {first, second}
    assert raw.get(f"{sets}/{first}").json()["spec"]["replicas"] == 2
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_recreate_ends_the_old_pods_first(raw, deployments, rolled):
    raw.post(deployments, json=web(strategy={"type": "Recreate"})).raise_for_status()
    rolled(2)
    raw.patch(f"{deployments}/web", json=new_template("blue"), headers=STRATEGIC).raise_for_status()
    rolled(2)


def test_a_deployment_is_scaled_by_its_scale(raw, deployments, rolled):
    raw.post(deployments, json=web()).raise_for_status()
    rolled(2)
    scale = raw.get(f"{deployments}/web/scale").json()
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 2})
    assert scale["status"] == {"replicas": 2, "selector": "app=web"}
    scale["spec"]["replicas"] = 3
    assert raw.put(f"{deployments}/web/scale", json=scale).json()["spec"] == {"replicas": 3}
    assert raw.put(f"{deployments}/web/scale", json=scale).status_code == 409
    rolled(3)
    change = {"spec": {"replicas": 0}}
    changed = raw.patch(f"{deployments}/web/scale", json=change, headers=MERGE)
    assert changed.json()["metadata"]["name"] == "web"
    rolled(0)
    negative = raw.patch(f"{deployments}/web/scale", json={"spec": {"replicas": -1}}, headers=MERGE)
    assert list(causes(negative)) == ["spec.replicas"]


def test_a_paused_deployment_waits(raw, deployments, sets, rolled):
    raw.post(deployments, json=web(paused=True)).raise_for_status()
    eventually(lambda: raw.get(f"{deployments}/web").json()["status"].get("observedGeneration") == 1)
    assert raw.get(sets).json()["items"] == []
    raw.patch(f"{deployments}/web", json={"spec": {"paused": False}}, headers=MERGE).raise_for_status()
    rolled(2)


def test_progress_that_does_not_come_is_told(raw, deployments):
    never = {"spec": {"nodeSelector": {"nowhere": "true"}}}
    late = web(replicas=1, progressDeadlineSeconds=1)
    late["spec"]["template"]["spec"] |= never["spec"]
    raw.post(deployments, json=late).raise_for_status()
    late = ("False", "ProgressDeadlineExceeded")
    eventually(lambda: conditions(raw.get(f"{deployments}/web").json()).get("Progressing") == late)
    told = conditions(raw.get(f"{deployments}/web").json())
    assert told["Available"] == ("False", "MinimumReplicasUnavailable")


def test_all_goes_with_a_deployment(raw, deployments, sets, pods, rolled):
    raw.post(deployments, json=web(replicas=1)).raise_for_status()
    rolled(1)
    raw.delete(f"{deployments}/web").raise_for_status()
    eventually(lambda: not raw.get(sets).json()["items"] and not raw.get(pods).json()["items"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"selector": None}, "spec.selector"),
        ({"strategy": {"type": "Sometimes"}}, "spec.strategy"),
        (
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate.maxUnavailable",
        ),
        ({"progressDeadlineSeconds": 5, "minReadySeconds": 5}, "spec.progressDeadlineSeconds"),
    ],
)
def test_what_is_wrong_is_refused(raw, deployments, change, field):
    answer = raw.post(deployments, json=web(**change))
    assert answer.status_code == 422, answer.text
    assert field in causes(answer)


def test_a_selector_stays(raw, deployments):
    made = raw.post(deployments, json=web(replicas=0)).json()
    made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    made["metadata"].pop("resourceVersion")
    answer = raw.put(f"{deployments}/web", json=made)
    assert (answer.status_code, "spec.selector" in causes(answer)) == (422, True)
