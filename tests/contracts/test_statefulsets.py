"""StatefulSets: numbered pods, one after the other, each with claims of its own, replaced from the last."""

import pytest

from tests.contracts.objects import causes, eventually, names
from tests.contracts.test_running import program

MERGE = {"content-type": "application/merge-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
LABELS = {"app": "db"}
NOWHERE = "nobody-makes-these"


def stateful(replicas=2, *, claims=(), template=None, **spec):
    pod_spec = {"containers": [program("main", "sleep 600")], "terminationGracePeriodSeconds": 0}
    wanted = {
        "replicas": replicas,
        "serviceName": "db",
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": pod_spec | (template or {})},
        "volumeClaimTemplates": [claim_template(name) for name in claims],
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": wanted | spec}


def claim_template(name):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {"metadata": {"name": name}, "spec": spec | {"storageClassName": NOWHERE}}


@pytest.fixture
def sets(namespace):
    return f"/apis/apps/v1/namespaces/{namespace}/statefulsets"


@pytest.fixture
def claims(namespace):
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"


@pytest.fixture
def revisions(namespace):
    return f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"


@pytest.fixture
def settled(raw, sets):
    """`settled(count)`: the set, once so many of its template are available and no others are left."""

    def ready(count):
        found = raw.get(f"{sets}/db").json()
        status = found["status"]
        seen = status.get("observedGeneration") == found["metadata"]["generation"]
        told = {status.get(name, 0) for name in ("replicas", "readyReplicas", "availableReplicas")}
        return found if seen and told == {count} and status.get("updatedReplicas", 0) == count else None

    return lambda count: eventually(lambda: ready(count))


def by_name(answer):
    return {one["metadata"]["name"]: one for one in answer.json()["items"]}


def image_of(pod):
    return pod["spec"]["containers"][0]["image"]


def new_image(image, **spec):
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}, **spec}}


def test_its_pods_are_numbered_and_know_it(raw, sets, pods, settled):
    made = raw.post(sets, json=stateful()).json()
    assert (made["spec"]["podManagementPolicy"], made["spec"]["revisionHistoryLimit"]) == ("OrderedReady", 10)
    assert made["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    kept = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert made["spec"]["persistentVolumeClaimRetentionPolicy"] == kept
    status = settled(2)["status"]
    assert status["currentRevision"] == status["updateRevision"]
    found = by_name(raw.get(pods))
    assert list(found) == ["db-0", "db-1"]
    for number, (name, pod) in enumerate(found.items()):
        labels = pod["metadata"]["labels"]
        assert labels.items() >= LABELS.items()
        assert labels["statefulset.kubernetes.io/pod-name"] == name
        assert labels["apps.kubernetes.io/pod-index"] == str(number)
        assert labels["controller-revision-hash"] == status["updateRevision"]
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (name, "db")
        [owner] = pod["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)


def test_a_pod_comes_only_when_the_one_before_is_ready(raw, sets, pods):
    never = {"nodeSelector": {"nowhere": "true"}}
    raw.post(sets, json=stateful(3, template=never)).raise_for_status()
    eventually(lambda: raw.get(f"{sets}/db").json()["status"].get("replicas") == 1)
    assert names(raw.get(pods)) == ["db-0"]


def test_all_come_at_once_where_the_order_does_not_matter(raw, sets, pods):
    never = {"nodeSelector": {"nowhere": "true"}}
    raw.post(
        sets, json=stateful(3, template=never, podManagementPolicy="Parallel", ordinals={"start": 5})
    ).raise_for_status()
    eventually(lambda: names(raw.get(pods)) == ["db-5", "db-6", "db-7"])


def test_one_that_is_deleted_comes_again_under_its_name(raw, sets, pods, settled):
    raw.post(sets, json=stateful()).raise_for_status()
    settled(2)
    before = by_name(raw.get(pods))["db-0"]
    raw.delete(f"{pods}/db-0").raise_for_status()
    eventually(lambda: other_than(before, raw.get(f"{pods}/db-0").json()))
    settled(2)


def test_it_is_scaled_from_the_end(raw, sets, pods, settled):
    raw.post(sets, json=stateful(3)).raise_for_status()
    settled(3)
    scale = {"spec": {"replicas": 1}}
    raw.patch(f"{sets}/db/scale", json=scale, headers=MERGE).raise_for_status()
    settled(1)
    assert names(raw.get(pods)) == ["db-0"]


def test_another_template_is_rolled_out_from_the_last_and_back(raw, sets, pods, revisions, settled):
    raw.post(sets, json=stateful()).raise_for_status()
    first = settled(2)["status"]["updateRevision"]
    raw.patch(f"{sets}/db", json=new_image("busybox:2"), headers=STRATEGIC).raise_for_status()
    status = settled(2)["status"]
    assert status["updateRevision"] != first
    eventually(lambda: raw.get(f"{sets}/db").json()["status"]["currentRevision"] == status["updateRevision"])
    assert {image_of(pod) for pod in raw.get(pods).json()["items"]} == {"busybox:2"}
    kept = by_name(raw.get(revisions))
    assert {name: one["revision"] for name, one in kept.items()} == {first: 1, status["updateRevision"]: 2}
    raw.patch(f"{sets}/db", json=new_image("busybox:1.36"), headers=STRATEGIC).raise_for_status()
    eventually(lambda: raw.get(f"{sets}/db").json()["status"]["currentRevision"] == first)
    settled(2)
    assert by_name(raw.get(revisions))[first]["revision"] == 3


def test_one_that_is_made_again_takes_over_what_it_left_behind(raw, sets, pods, revisions, settled):
    raw.post(sets, json=stateful()).raise_for_status()
    first = settled(2)["status"]["updateRevision"]
    before = by_name(raw.get(pods))
    raw.delete(f"{sets}/db", params={"propagationPolicy": "Orphan"}).raise_for_status()
    eventually(lambda: raw.get(f"{sets}/db").status_code == 404)
    again = raw.post(sets, json=stateful()).json()
    assert settled(2)["status"]["updateRevision"] == first
    uids = {name: one["metadata"]["uid"] for name, one in before.items()}
    kept = by_name(raw.get(pods))
    assert {name: one["metadata"]["uid"] for name, one in kept.items()} == uids
    for one in (*kept.values(), *by_name(raw.get(revisions)).values()):
        assert [owner["uid"] for owner in one["metadata"]["ownerReferences"]] == [again["metadata"]["uid"]]
    raw.patch(f"{sets}/db", json=new_image("busybox:2"), headers=STRATEGIC).raise_for_status()
    assert settled(2)["status"]["updateRevision"] != first


def test_pods_below_the_partition_keep_their_template(raw, sets, pods, settled):
    raw.post(sets, json=stateful()).raise_for_status()
    settled(2)
    part = {"updateStrategy": {"rollingUpdate": {"partition": 1}}}
    raw.patch(f"{sets}/db", json=new_image("busybox:2", **part), headers=STRATEGIC).raise_for_status()
    eventually(lambda: image_of(by_name(raw.get(pods)).get("db-1") or stateful_pod()) == "busybox:2")
    before = raw.get(f"{pods}/db-0").json()
    raw.delete(f"{pods}/db-0").raise_for_status()
    again = eventually(lambda: other_than(before, raw.get(f"{pods}/db-0").json()))
    assert image_of(before) == image_of(again) == "busybox:1.36"


def stateful_pod():
    return stateful()["spec"]["template"]


def other_than(before, found):
    return found if found.get("metadata", {}).get("uid") not in (None, before["metadata"]["uid"]) else None


def test_where_it_waits_for_a_deletion_nothing_is_replaced(raw, sets, pods, settled):
    raw.post(sets, json=stateful(1, updateStrategy={"type": "OnDelete"})).raise_for_status()
    settled(1)
    before = raw.get(f"{pods}/db-0").json()
    raw.patch(f"{sets}/db", json=new_image("busybox:2"), headers=STRATEGIC).raise_for_status()
    eventually(lambda: raw.get(f"{sets}/db").json()["status"]["observedGeneration"] == 2)
    assert raw.get(f"{pods}/db-0").json()["metadata"]["uid"] == before["metadata"]["uid"]
    raw.delete(f"{pods}/db-0").raise_for_status()
    assert image_of(eventually(lambda: other_than(before, raw.get(f"{pods}/db-0").json()))) == "busybox:2"


def test_each_pod_has_claims_of_its_own_that_outlive_it(raw, sets, pods, claims):
    raw.post(sets, json=stateful(1, claims=["data", "logs"])).raise_for_status()
    pod = eventually(lambda: by_name(raw.get(pods)).get("db-0"))
    found = {one["name"]: one["persistentVolumeClaim"]["claimName"]
             for one in pod["spec"]["volumes"] if "persistentVolumeClaim" in one}  # fmt: skip
    assert found == {"data": "data-db-0", "logs": "logs-db-0"}
    made = by_name(raw.get(claims))
    assert set(made) == {"data-db-0", "logs-db-0"}
    assert made["data-db-0"]["metadata"]["labels"] == LABELS
    assert "ownerReferences" not in made["data-db-0"]["metadata"]
    raw.delete(f"{sets}/db").raise_for_status()
    eventually(lambda: names(raw.get(pods)) == [])
    assert set(names(raw.get(claims))) == {"data-db-0", "logs-db-0"}


def test_claims_go_with_the_set_where_that_is_asked_for(raw, sets, pods, claims):
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    made = raw.post(sets, json=stateful(1, claims=["data"], **policy)).json()

    def owners():
        return by_name(raw.get(claims)).get("data-db-0", {"metadata": {}})["metadata"].get("ownerReferences")

    [owner] = eventually(owners)
    assert (owner["kind"], owner["uid"]) == ("StatefulSet", made["metadata"]["uid"])
    raw.delete(f"{sets}/db").raise_for_status()
    eventually(lambda: names(raw.get(claims)) == [] and names(raw.get(pods)) == [])


def test_claims_go_with_pods_that_are_too_many_where_that_is_asked_for(raw, sets, pods, claims):
    policy = {
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
        "podManagementPolicy": "Parallel",
    }
    raw.post(sets, json=stateful(2, claims=["data"], **policy)).raise_for_status()
    eventually(lambda: names(raw.get(pods)) == ["db-0", "db-1"])
    raw.patch(f"{sets}/db", json={"spec": {"replicas": 1}}, headers=MERGE).raise_for_status()
    eventually(lambda: names(raw.get(claims)) == ["data-db-0"])


@pytest.mark.programs
def test_what_a_pod_wrote_is_there_for_the_next_of_its_name(core, raw, sets, pods, namespace, storage_class):
    own = claim_template("data")
    own["spec"]["storageClassName"] = storage_class()
    script = 'cat "$RUNYARD_MOUNT_DATA/note"; echo "$HOSTNAME" >> "$RUNYARD_MOUNT_DATA/note"; sleep 600'
    container = program("main", script) | {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    made = stateful(1, template={"containers": [container]}, volumeClaimTemplates=[own])
    raw.post(sets, json=made).raise_for_status()
    before = eventually(lambda: ready_pod(raw, f"{pods}/db-0"))
    raw.delete(f"{pods}/db-0").raise_for_status()
    eventually(lambda: other_than(before, ready_pod(raw, f"{pods}/db-0") or {}))
    eventually(lambda: core.read_namespaced_pod_log("db-0", namespace) == "db-0\n")


def ready_pod(raw, path):
    found = raw.get(path).json()
    statuses = found.get("status", {}).get("containerStatuses") or [{}]
    return found if statuses[0].get("ready") else None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"selector": None}, "spec.selector"),
        ({"podManagementPolicy": "Sometimes"}, "spec.podManagementPolicy"),
        ({"updateStrategy": {"type": "Sometimes"}}, "spec.updateStrategy"),
        (
            {"updateStrategy": {"rollingUpdate": {"partition": -1}}},
            "spec.updateStrategy.rollingUpdate.partition",
        ),
        ({"ordinals": {"start": -1}}, "spec.ordinals.start"),
    ],
)
def test_what_is_wrong_is_refused(raw, sets, change, field):
    answer = raw.post(sets, json=stateful(**change))
    assert answer.status_code == 422, answer.text
    assert field in causes(answer)


def test_what_it_is_made_of_stays(raw, sets):
    raw.post(sets, json=stateful(0)).raise_for_status()
    answer = raw.patch(f"{sets}/db", json={"spec": {"serviceName": "other"}}, headers=MERGE)
    assert (answer.status_code, list(causes(answer))) == (422, ["spec"])
