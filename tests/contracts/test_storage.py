"""Claims and volumes: bound when they suit each other, made for claims of a class, kept as long as asked."""

import secrets
from pathlib import Path

import pytest

from tests.contracts.conftest import STORAGE_CLASSES as CLASSES
from tests.contracts.objects import causes, eventually, names
from tests.contracts.test_running import running_pod

VOLUMES = "/api/v1/persistentvolumes"
MERGE = {"content-type": "application/merge-patch+json"}


def claim(name="data", size="1Gi", **spec):
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"metadata": {"name": name}, "spec": wanted | spec}


def using(name, claimed="data", script="sleep 600"):
    made = running_pod(name, script, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": claimed}}])
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/data"}]
    made["spec"]["terminationGracePeriodSeconds"] = 0
    return made


@pytest.fixture
def claims(namespace):
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"


@pytest.fixture
def volumes(raw):
    """`volumes(size, **spec)`: the answer to a new volume of the class `volumes.own`; gone afterwards."""
    made, own = [], f"own-{secrets.token_hex(4)}"

    def create(size="2Gi", **spec):
        made.append(f"contract-{secrets.token_hex(4)}")
        wanted = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": own}
        wanted |= {"hostPath": {"path": "/tmp"}} | spec
        body = {"metadata": {"name": made[-1]}, "spec": wanted}
        return raw.post(VOLUMES, json=body)

    create.own = own
    yield create
    for name in made:
        raw.delete(f"{VOLUMES}/{name}")


def in_phase(raw, path, phase):
    def found():
        answer = raw.get(path).json()
        return answer if answer.get("status", {}).get("phase") == phase else None

    return eventually(found)


def test_a_claim_is_bound_to_the_smallest_volume_that_is_enough(raw, claims, volumes):
    for size in ("500Mi", "5Gi", "2Gi"):
        in_phase(raw, f"{VOLUMES}/{volumes(size).json()['metadata']['name']}", "Available")
    made = raw.post(claims, json=claim(storageClassName=volumes.own)).json()
    assert (made["status"], made["spec"]["volumeMode"]) == ({"phase": "Pending"}, "Filesystem")
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    bound = in_phase(raw, f"{claims}/data", "Bound")
    assert bound["status"]["capacity"] == {"storage": "2Gi"}
    assert bound["status"]["accessModes"] == ["ReadWriteOnce"]
    assert bound["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
    volume = in_phase(raw, f"{VOLUMES}/{bound['spec']['volumeName']}", "Bound")
    assert volume["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    raw.delete(f"{claims}/data").raise_for_status()
    eventually(lambda: names(raw.get(claims)) == [])
    in_phase(raw, f"{VOLUMES}/{bound['spec']['volumeName']}", "Released")


@pytest.mark.parametrize(
    "wanted",
    [
        {"accessModes": ["ReadWriteMany"]},
        {"resources": {"requests": {"storage": "3Gi"}}},
        {"selector": {"matchLabels": {"tier": "fast"}}},
        {"volumeMode": "Block"},
    ],
)
def test_a_claim_that_nothing_suits_waits(raw, claims, volumes, wanted):
    volume = in_phase(raw, f"{VOLUMES}/{volumes().json()['metadata']['name']}", "Available")
    raw.post(claims, json=claim("never", storageClassName=volumes.own, **wanted)).raise_for_status()
    raw.post(claims, json=claim(storageClassName=volumes.own)).raise_for_status()
    assert in_phase(raw, f"{claims}/data", "Bound")["spec"]["volumeName"] == volume["metadata"]["name"]
    assert raw.get(f"{claims}/never").json()["status"] == {"phase": "Pending"}


def test_a_volume_may_be_kept_for_a_claim_that_is_still_to_come(raw, claims, volumes, namespace):
    kept = volumes("9Gi", claimRef={"namespace": namespace, "name": "data"}).json()["metadata"]["name"]
    in_phase(raw, f"{VOLUMES}/{volumes('1Gi').json()['metadata']['name']}", "Available")
    raw.post(claims, json=claim("other", storageClassName=volumes.own)).raise_for_status()
    raw.post(claims, json=claim(storageClassName=volumes.own)).raise_for_status()
    assert in_phase(raw, f"{claims}/data", "Bound")["spec"]["volumeName"] == kept
    assert in_phase(raw, f"{claims}/other", "Bound")["status"]["capacity"] == {"storage": "1Gi"}


def test_a_claim_of_a_class_gets_a_volume_that_goes_with_it(raw, claims, storage_class):
    own = storage_class()
    raw.post(claims, json=claim(storageClassName=own)).raise_for_status()
    bound = in_phase(raw, f"{claims}/data", "Bound")
    assert bound["spec"]["volumeName"] == f"pvc-{bound['metadata']['uid']}"
    path = f"{VOLUMES}/{bound['spec']['volumeName']}"
    volume = in_phase(raw, path, "Bound")
    assert (volume["spec"]["storageClassName"], volume["spec"]["capacity"]) == (own, {"storage": "1Gi"})
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    raw.delete(f"{claims}/data").raise_for_status()
    eventually(lambda: raw.get(path).status_code == 404)


def test_a_claim_that_names_its_volume_gets_no_other(raw, claims, storage_class):
    own, named = storage_class(), f"contract-{secrets.token_hex(4)}"
    waiting = claim(storageClassName=own, volumeName=named)
    raw.post(claims, json=waiting).raise_for_status()
    other = waiting | {"metadata": {"name": "other"}, "spec": claim(storageClassName=own)["spec"]}
    raw.post(claims, json=other).raise_for_status()
    in_phase(raw, f"{claims}/other", "Bound")
    assert raw.get(f"{claims}/data").json()["status"]["phase"] == "Pending"
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": own}
    volume = {"metadata": {"name": named}, "spec": spec | {"hostPath": {"path": "/tmp"}}}
    raw.post(VOLUMES, json=volume).raise_for_status()
    assert in_phase(raw, f"{claims}/data", "Bound")["spec"]["volumeName"] == named
    raw.delete(f"{VOLUMES}/{named}")


def test_a_class_may_keep_its_volumes(raw, claims, storage_class, cluster):
    raw.post(claims, json=claim(storageClassName=storage_class(reclaimPolicy="Retain"))).raise_for_status()
    name = in_phase(raw, f"{claims}/data", "Bound")["spec"]["volumeName"]
    raw.delete(f"{claims}/data").raise_for_status()
    kept = in_phase(raw, f"{VOLUMES}/{name}", "Released")["spec"]["hostPath"]["path"]
    raw.delete(f"{VOLUMES}/{name}").raise_for_status()
    eventually(lambda: raw.get(f"{VOLUMES}/{name}").status_code == 404)
    if cluster != "named":  # its folders are on this machine
        Path(kept).rmdir()  # it is there still, for whoever kept it to remove


def test_the_default_class_is_that_of_claims_that_name_none(raw, claims, storage_class):
    mark = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    own = storage_class()
    raw.patch(f"{CLASSES}/{own}", json={"metadata": mark}, headers=MERGE).raise_for_status()
    made = raw.post(claims, json=claim()).json()
    marked = {
        one["metadata"]["name"]
        for one in raw.get(CLASSES).json()["items"]
        if (one["metadata"].get("annotations") or {}).items() >= mark["annotations"].items()
    }
    assert made["spec"]["storageClassName"] in marked
    none = raw.post(claims, json=claim("static", storageClassName="")).json()
    assert none["spec"]["storageClassName"] == ""


def test_no_claim_goes_while_a_pod_uses_it_and_it_stays_after_the_pod(raw, claims, pods, storage_class):
    raw.post(claims, json=claim(storageClassName=storage_class())).raise_for_status()
    raw.post(pods, json=using("one")).raise_for_status()
    in_phase(raw, f"{pods}/one", "Running")
    raw.delete(f"{pods}/one").raise_for_status()
    eventually(lambda: names(raw.get(pods)) == [])
    assert in_phase(raw, f"{claims}/data", "Bound")
    raw.post(pods, json=using("two")).raise_for_status()
    in_phase(raw, f"{pods}/two", "Running")
    raw.delete(f"{claims}/data").raise_for_status()
    assert raw.get(f"{claims}/data").json()["metadata"]["deletionTimestamp"]
    raw.delete(f"{pods}/two").raise_for_status()
    eventually(lambda: names(raw.get(claims)) == [])


def test_a_pod_waits_for_its_claim_and_says_so(raw, claims, pods, storage_class):
    raw.post(pods, json=using("one")).raise_for_status()
    assert 'persistentvolumeclaim "data" not found' in eventually(lambda: why_pending(raw, f"{pods}/one"))
    raw.post(claims, json=claim(storageClassName="nobody-makes-these")).raise_for_status()
    unbound = "pod has unbound immediate PersistentVolumeClaims"
    eventually(lambda: unbound in why_pending(raw, f"{pods}/one"))
    raw.delete(f"{claims}/data").raise_for_status()
    eventually(lambda: names(raw.get(claims)) == [])
    raw.post(claims, json=claim(storageClassName=storage_class())).raise_for_status()
    in_phase(raw, f"{pods}/one", "Running")


def why_pending(raw, path):
    conditions = raw.get(path).json()["status"].get("conditions") or []
    return next((one.get("message", "") for one in conditions if one["type"] == "PodScheduled"), "")


@pytest.mark.programs
def test_what_one_pod_writes_the_next_reads(core, raw, claims, pods, namespace, storage_class):
    raw.post(claims, json=claim(storageClassName=storage_class())).raise_for_status()
    raw.post(pods, json=using("one", script='echo kept > "$RUNYARD_MOUNT_DATA/note"')).raise_for_status()
    in_phase(raw, f"{pods}/one", "Succeeded")
    raw.delete(f"{pods}/one").raise_for_status()
    raw.post(pods, json=using("two", script='cat "$RUNYARD_VOLUME_V/note"')).raise_for_status()
    in_phase(raw, f"{pods}/two", "Succeeded")
    assert core.read_namespaced_pod_log("two", namespace) == "kept\n"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accessModes": []}, "spec.accessModes"),
        ({"accessModes": ["Sometimes"]}, "spec.accessModes"),
        ({"resources": {}}, "spec.resources[storage]"),
        ({"resources": {"requests": {"storage": "0"}}}, "spec.resources[storage]"),
    ],
)
def test_a_claim_that_is_wrong_is_refused(raw, claims, change, field):
    answer = raw.post(claims, json=claim(**change))
    assert answer.status_code == 422, answer.text
    assert field in causes(answer)


def test_what_a_claim_asks_for_stays(raw, claims):
    raw.post(claims, json=claim(storageClassName="nobody-makes-these")).raise_for_status()
    change = {"spec": {"accessModes": ["ReadWriteMany"]}}
    answer = raw.patch(f"{claims}/data", json=change, headers=MERGE)
    assert (answer.status_code, list(causes(answer))) == (422, ["spec"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"capacity": {}}, "spec.capacity"),
        ({"accessModes": []}, "spec.accessModes"),
        ({"hostPath": {"path": "/tmp/../etc"}}, "spec.hostPath.path"),
        ({"hostPath": None}, "spec"),
        ({"persistentVolumeReclaimPolicy": "Sometimes"}, "spec.persistentVolumeReclaimPolicy"),
    ],
)
def test_a_volume_that_is_wrong_is_refused(volumes, change, field):
    answer = volumes(**change)
    assert answer.status_code == 422, answer.text
    assert field in causes(answer)


def test_a_class_says_who_makes_its_volumes_for_good(raw, storage_class):
    answer = raw.post(CLASSES, json={"metadata": {"name": "contract-none"}})
    assert (answer.status_code, list(causes(answer))) == (422, ["provisioner"])
    path = f"{CLASSES}/{storage_class()}"
    made = raw.get(path).json()
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    answer = raw.patch(path, json={"provisioner": "example.com/other"}, headers=MERGE)
    assert (answer.status_code, list(causes(answer))) == (422, ["provisioner"])
