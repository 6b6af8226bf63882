"""Deletion: finalizers, propagation, preconditions, owners, and whole namespaces."""

import pytest

from tests.contracts.objects import config_map, eventually, job, names, namespace_manifest, pod

MERGE = {"content-type": "application/merge-patch+json"}


def gone(raw, url):
    return eventually(lambda: raw.get(url).status_code == 404)


def owner(obj, **more):
    metadata = obj["metadata"]
    reference = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": metadata["name"]}
    return [reference | {"uid": metadata["uid"]} | more]


@pytest.fixture
def family(raw, jobs, configmaps):
    """(URL of a job, URL of a configmap it owns)."""
    parent = raw.post(jobs, json=job("parent")).json()
    child = config_map("child", ownerReferences=owner(parent, controller=True, blockOwnerDeletion=True))
    raw.post(configmaps, json=child).raise_for_status()
    return f"{jobs}/parent", f"{configmaps}/child"


def test_a_plain_deletion_says_what_is_gone(raw, configmaps):
    made = raw.post(configmaps, json=config_map("one")).json()
    answer = raw.delete(f"{configmaps}/one")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["kind"], body["status"]) == ("Status", "Success")
    assert body["details"] == {"name": "one", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert raw.get(f"{configmaps}/one").status_code == 404


def test_a_pod_no_node_has_goes_at_once(raw, pods):
    raw.post(pods, json=pod("one")).raise_for_status()
    answer = raw.delete(f"{pods}/one")
    assert answer.json()["kind"] == "Pod"
    assert raw.get(f"{pods}/one").status_code == 404


def test_a_name_can_be_used_again_but_not_a_uid(raw, configmaps):
    first = raw.post(configmaps, json=config_map("one")).json()
    raw.delete(f"{configmaps}/one").raise_for_status()
    second = raw.post(configmaps, json=config_map("one")).json()
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


def test_a_finalizer_keeps_an_object_until_it_is_removed(raw, configmaps):
    url = f"{configmaps}/one"
    raw.post(configmaps, json=config_map("one", finalizers=["example.com/hold"])).raise_for_status()
    marked = raw.delete(url)
    assert marked.status_code == 200
    assert marked.json()["metadata"]["deletionTimestamp"]
    kept = raw.get(url).json()
    assert kept["metadata"]["finalizers"] == ["example.com/hold"]
    again = raw.delete(url).json()
    assert again["metadata"]["deletionTimestamp"] == kept["metadata"]["deletionTimestamp"]
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    assert raw.patch(url, json=more, headers=MERGE).status_code == 422
    assert raw.patch(url, json={"metadata": {"finalizers": None}}, headers=MERGE).status_code == 200
    assert raw.get(url).status_code == 404


def test_preconditions_guard_a_deletion(raw, configmaps):
    made = raw.post(configmaps, json=config_map("one")).json()
    url = f"{configmaps}/one"
    for wrong in ({"uid": "11111111-2222-3333-4444-555555555555"}, {"resourceVersion": "1"}):
        refused = raw.request("DELETE", url, json={"preconditions": wrong})
        assert (refused.status_code, refused.json()["reason"]) == (409, "Conflict")
    right = {"uid": made["metadata"]["uid"]}
    assert raw.request("DELETE", url, json={"preconditions": right}).status_code == 200


def test_what_an_owner_leaves_is_collected(raw, family):
    parent, child = family
    raw.delete(parent, params={"propagationPolicy": "Background"}).raise_for_status()
    assert gone(raw, parent)
    assert gone(raw, child)


def test_foreground_deletion_waits_for_the_owned(raw, family):
    parent, child = family
    raw.patch(
        child, json={"metadata": {"finalizers": ["example.com/hold"]}}, headers=MERGE
    ).raise_for_status()
    marked = raw.delete(parent, params={"propagationPolicy": "Foreground"}).json()
    assert "foregroundDeletion" in marked["metadata"]["finalizers"]
    eventually(lambda: raw.get(child).json()["metadata"].get("deletionTimestamp"))
    assert raw.get(parent).status_code == 200
    raw.patch(child, json={"metadata": {"finalizers": None}}, headers=MERGE).raise_for_status()
    assert gone(raw, child)
    assert gone(raw, parent)


def test_orphans_stay_without_their_owner(raw, family):
    parent, child = family
    raw.delete(parent, params={"propagationPolicy": "Orphan"}).raise_for_status()
    assert gone(raw, parent)
    eventually(lambda: not raw.get(child).json()["metadata"].get("ownerReferences"))


def test_the_body_may_say_how_to_delete(raw, family):
    parent, child = family
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    raw.request("DELETE", parent, json=options).raise_for_status()
    assert gone(raw, child)


def test_an_owner_reference_must_be_whole(raw, configmaps):
    partial = config_map("one", ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "x"}])
    answer = raw.post(configmaps, json=partial)
    assert answer.status_code == 422
    assert answer.json()["details"]["causes"][0]["field"] == "metadata.ownerReferences.uid"
    two = [
        {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": uid, "controller": True} for uid in ("a", "b")
    ]
    assert raw.post(configmaps, json=config_map("one", ownerReferences=two)).status_code == 422


def test_a_namespace_takes_everything_with_it(raw):
    name = raw.post("/api/v1/namespaces", json=namespace_manifest()).json()["metadata"]["name"]
    url = f"/api/v1/namespaces/{name}"
    held = config_map("held", finalizers=["example.com/hold"])
    raw.post(f"{url}/configmaps", json=held).raise_for_status()
    raw.post(f"{url}/configmaps", json=config_map("loose")).raise_for_status()
    raw.delete(url).raise_for_status()
    assert raw.get(url).json()["status"]["phase"] == "Terminating"
    eventually(lambda: names(raw.get(f"{url}/configmaps")) == ["held"])
    refused = raw.post(f"{url}/configmaps", json=config_map("late"))
    assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")
    assert "because it is being terminated" in refused.json()["message"]
    raw.patch(
        f"{url}/configmaps/held", json={"metadata": {"finalizers": None}}, headers=MERGE
    ).raise_for_status()
    assert eventually(lambda: raw.get(url).status_code == 404)


def test_an_eviction_that_is_only_tried_leaves_the_pod_and_one_that_is_meant_takes_it(raw, pods):
    raw.post(pods, json=pod("one")).raise_for_status()
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one"}}
    tried = [({"deleteOptions": {"dryRun": ["All"]}}, {}), ({}, {"dryRun": "All"})]
    for options, params in tried:
        answer = raw.post(f"{pods}/one/eviction", json=eviction | options, params=params)
        assert answer.status_code == 201
        assert "deletionTimestamp" not in raw.get(f"{pods}/one").json()["metadata"]
    other = {"deleteOptions": {"preconditions": {"uid": "another"}}}
    assert raw.post(f"{pods}/one/eviction", json=eviction | other).status_code == 409
    assert raw.post(f"{pods}/one/eviction", json=eviction).status_code == 201
    assert raw.get(f"{pods}/one").status_code == 404


def test_the_default_namespace_stays(raw):
    refused = raw.delete("/api/v1/namespaces/default")
    assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")
