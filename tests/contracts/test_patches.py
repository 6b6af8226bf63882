"""The four kinds of patch, and server-side apply's rules of ownership."""

import json

import pytest

from tests.contracts.objects import CONTAINER, config_map, pod

JSON_PATCH = {"content-type": "application/json-patch+json"}
MERGE = {"content-type": "application/merge-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


@pytest.fixture
def one(raw, configmaps):
    """The URL of a configmap with data a and b."""
    raw.post(configmaps, params={"fieldManager": "maker"}, json=config_map("one", {"a": "1", "b": "2"}))
    return f"{configmaps}/one"


def apply(raw, url, manager, body, **params):
    return raw.patch(
        url,
        params={"fieldManager": manager} | params,
        content=json.dumps({"apiVersion": "v1"} | body),
        headers=APPLY,
    )


def data(name="one", **entries):
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": entries}


def test_json_patch_adds_replaces_removes_and_tests(raw, one):
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "9"},
        {"op": "remove", "path": "/data/b"},
        {"op": "add", "path": "/metadata/labels", "value": {"x/y": "z"}},
        {"op": "replace", "path": "/metadata/labels/x~1y", "value": "w"},
    ]
    body = raw.patch(one, json=operations, headers=JSON_PATCH).json()
    assert body["data"] == {"a": "9"}
    assert body["metadata"]["labels"] == {"x/y": "w"}


def test_a_json_patch_whose_test_fails_changes_nothing(raw, one):
    operations = [{"op": "remove", "path": "/data/b"}, {"op": "test", "path": "/data/a", "value": "5"}]
    assert raw.patch(one, json=operations, headers=JSON_PATCH).status_code == 422
    assert raw.get(one).json()["data"] == {"a": "1", "b": "2"}


def test_a_json_patch_that_is_malformed(raw, one):
    assert raw.patch(one, json={"op": "remove"}, headers=JSON_PATCH).status_code == 400
    absent = [{"op": "remove", "path": "/data/zzz"}]
    assert raw.patch(one, json=absent, headers=JSON_PATCH).status_code == 422


def test_merge_patch_merges_and_null_removes(raw, one):
    body = raw.patch(one, json={"data": {"a": None, "c": "3"}}, headers=MERGE).json()
    assert body["data"] == {"b": "2", "c": "3"}


def test_a_patch_may_ask_for_a_version(raw, one):
    stale = {"metadata": {"resourceVersion": "1"}, "data": {"a": "7"}}
    assert raw.patch(one, json=stale, headers=MERGE).status_code == 409
    fresh = {
        "metadata": {"resourceVersion": raw.get(one).json()["metadata"]["resourceVersion"]},
        "data": {"a": "7"},
    }
    assert raw.patch(one, json=fresh, headers=MERGE).json()["data"]["a"] == "7"


def test_a_patch_of_an_unknown_type(raw, one):
    assert raw.patch(one, json={}, headers={"content-type": "application/json"}).status_code == 415


def test_a_patch_may_not_make_an_object_invalid(raw, one):
    assert raw.patch(one, json={"metadata": {"labels": {"a": "b c"}}}, headers=MERGE).status_code == 422
    assert raw.patch(one, json={"metadata": {"name": "two"}}, headers=MERGE).status_code in (400, 422)


def test_strategic_patch_goes_into_lists_by_their_keys(raw, pods):
    side = CONTAINER | {"name": "side", "image": "side:1"}
    raw.post(pods, json=pod("one", spec={"containers": [CONTAINER, side]})).raise_for_status()
    change = {"spec": {"containers": [{"name": "side", "image": "side:2"}]}}
    body = raw.patch(f"{pods}/one", json=change, headers=STRATEGIC).json()
    assert [(c["name"], c["image"]) for c in body["spec"]["containers"]] == [
        ("main", "registry.example/app:1"),
        ("side", "side:2"),
    ]


def test_strategic_patch_sets_one_condition_among_others(raw, pods):
    raw.post(pods, json=pod("one")).raise_for_status()
    for kind, state in (("example.com/A", "True"), ("example.com/B", "False"), ("example.com/A", "False")):
        change = {"status": {"conditions": [{"type": kind, "status": state}]}}
        answer = raw.patch(f"{pods}/one/status", json=change, headers=STRATEGIC)
        answer.raise_for_status()
    found = {c["type"]: c["status"] for c in answer.json()["status"]["conditions"]}
    assert (found["example.com/A"], found["example.com/B"]) == ("False", "False")


def test_strategic_patch_obeys_its_delete_directive(raw, pods):
    raw.post(pods, json=pod("one", spec={"schedulingGates": [{"name": "x.io/a"}, {"name": "x.io/b"}]}))
    change = {"spec": {"schedulingGates": [{"$patch": "delete", "name": "x.io/a"}]}}
    body = raw.patch(f"{pods}/one", json=change, headers=STRATEGIC).json()
    assert body["spec"]["schedulingGates"] == [{"name": "x.io/b"}]


def test_apply_creates_and_then_updates(raw, configmaps):
    url = f"{configmaps}/fresh"
    made = apply(raw, url, "painter", data("fresh", a="1"))
    assert made.status_code == 201, made.text
    again = apply(raw, url, "painter", data("fresh", a="2"))
    assert (again.status_code, again.json()["data"]) == (200, {"a": "2"})
    (entry,) = again.json()["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("painter", "Apply")
    assert "f:a" in entry["fieldsV1"]["f:data"]


def test_applying_the_same_again_changes_nothing(raw, configmaps):
    url = f"{configmaps}/fresh"
    first = apply(raw, url, "painter", data("fresh", a="1")).json()
    second = apply(raw, url, "painter", data("fresh", a="1")).json()
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_apply_takes_back_what_it_no_longer_names(raw, configmaps):
    url = f"{configmaps}/fresh"
    apply(raw, url, "painter", data("fresh", a="1", b="2"))
    raw.patch(url, params={"fieldManager": "other"}, json={"data": {"c": "3"}}, headers=MERGE)
    assert apply(raw, url, "painter", data("fresh", a="1")).json()["data"] == {"a": "1", "c": "3"}


def test_apply_conflicts_with_another_owner(raw, one):
    refused = apply(raw, one, "painter", data(a="7"))
    body = refused.json()
    assert (refused.status_code, body["reason"]) == (409, "Conflict")
    (cause,) = body["details"]["causes"]
    assert cause == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "maker" using v1',
        "field": ".data.a",
    }
    assert "Apply failed with 1 conflict" in body["message"]
    assert raw.get(one).json()["data"]["a"] == "1"


def test_apply_by_force_takes_the_field(raw, one):
    taken = apply(raw, one, "painter", data(a="7"), force="true").json()
    assert taken["data"] == {"a": "7", "b": "2"}
    owners = {e["manager"]: e["fieldsV1"]["f:data"] for e in taken["metadata"]["managedFields"]}
    assert "f:a" in owners["painter"]
    assert "f:a" not in owners["maker"]


def test_owners_of_one_value_share_it(raw, one):
    assert apply(raw, one, "painter", data(a="1")).status_code == 200
    left = apply(raw, one, "painter", data()).json()
    assert left["data"]["a"] == "1"


def test_apply_merges_containers_by_name(raw, pods):
    url = f"{pods}/one"
    wanted = pod("one")
    del wanted["apiVersion"]
    assert apply(raw, url, "painter", wanted).status_code == 201
    wanted["spec"]["containers"] = [CONTAINER | {"image": "app:2"}]
    body = apply(raw, url, "painter", wanted).json()
    assert [(c["name"], c["image"]) for c in body["spec"]["containers"]] == [("main", "app:2")]
    assert body["spec"]["containers"][0]["command"] == ["true"]


def test_apply_needs_a_manager_and_a_kind(raw, one):
    body = json.dumps({"apiVersion": "v1"} | data(a="1"))
    nameless = raw.patch(one, content=body, headers=APPLY)
    assert nameless.status_code in (400, 422)
    assert "fieldManager" in nameless.json()["message"]
    assert raw.patch(one, params={"fieldManager": "x"}, content="data: {}", headers=APPLY).status_code == 400


def test_apply_reads_yaml(raw, configmaps):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: typed\ndata:\n  a: 'yes'\n"
    made = raw.patch(f"{configmaps}/typed", params={"fieldManager": "x"}, content=text, headers=APPLY)
    assert made.status_code == 201, made.text
    assert made.json()["data"] == {"a": "yes"}


def test_yaml_that_is_broken_or_grows_is_refused(raw, configmaps):
    bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    for text in ("a: [", "\t", "- 1", "just text", bomb):
        answer = raw.patch(f"{configmaps}/typed", params={"fieldManager": "x"}, content=text, headers=APPLY)
        assert answer.status_code == 400, text


def test_force_is_for_apply_alone(raw, one):
    assert raw.patch(one, params={"force": "true"}, json={}, headers=MERGE).status_code == 422
