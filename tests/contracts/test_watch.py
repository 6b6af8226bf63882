"""Watches: where they start, what they say, how they end."""

import pytest

from tests.contracts.objects import config_map, watching

MERGE = {"content-type": "application/merge-patch+json"}


@pytest.fixture
def version(raw, configmaps):
    """The version of the namespace's configmaps as they are now."""
    return raw.get(configmaps).json()["metadata"]["resourceVersion"]


def change(raw, url, **labels):
    answer = raw.patch(url, json={"metadata": {"labels": labels}}, headers=MERGE)
    answer.raise_for_status()
    return answer.json()


def told(events, number):
    return [(type_, obj["metadata"]["name"]) for _, (type_, obj) in zip(range(number), events, strict=False)]


def test_a_watch_starts_exactly_after_its_version(raw, configmaps):
    raw.post(configmaps, json=config_map("before")).raise_for_status()
    version = raw.get(configmaps).json()["metadata"]["resourceVersion"]
    made = raw.post(configmaps, json=config_map("one")).json()
    with watching(raw, configmaps, resourceVersion=version) as events:
        type_, first = next(events)
        assert (type_, first) == ("ADDED", made)
        changed = change(raw, f"{configmaps}/one", a="b")
        assert next(events) == ("MODIFIED", changed)
        raw.delete(f"{configmaps}/one").raise_for_status()
        type_, last = next(events)
    assert type_ == "DELETED"
    assert last["metadata"]["labels"] == {"a": "b"}
    assert int(last["metadata"]["resourceVersion"]) > int(changed["metadata"]["resourceVersion"])


@pytest.mark.parametrize("start", [{}, {"resourceVersion": "0"}])
def test_a_watch_without_a_version_begins_with_what_exists(raw, configmaps, start):
    chosen = {"labelSelector": "mine"} | start
    for name in ("one", "two"):
        raw.post(configmaps, json=config_map(name, labels={"mine": "yes"})).raise_for_status()
    with watching(raw, configmaps, **chosen) as events:
        assert sorted(told(events, 2)) == [("ADDED", "one"), ("ADDED", "two")]
        raw.post(configmaps, json=config_map("three", labels={"mine": "yes"})).raise_for_status()
        assert told(events, 1) == [("ADDED", "three")]


def test_events_come_in_order_with_growing_versions(raw, configmaps, version):
    for index in range(20):
        raw.post(configmaps, json=config_map(f"n{index}")).raise_for_status()
    with watching(raw, configmaps, resourceVersion=version) as events:
        seen = [obj for _, (_, obj) in zip(range(20), events, strict=False)]
    assert [one["metadata"]["name"] for one in seen] == [f"n{index}" for index in range(20)]
    versions = [int(one["metadata"]["resourceVersion"]) for one in seen]
    assert versions == sorted(set(versions))


def test_a_watch_over_all_namespaces_sees_this_one(raw, configmaps, version):
    with watching(raw, "/api/v1/configmaps", resourceVersion=version) as events:
        raw.post(configmaps, json=config_map("far")).raise_for_status()
        assert told((one for one in events if one[1]["metadata"]["name"] == "far"), 1) == [("ADDED", "far")]


def test_a_watch_of_one_name(raw, configmaps, version):
    with watching(raw, configmaps, resourceVersion=version, fieldSelector="metadata.name=two") as events:
        for name in ("one", "two"):
            raw.post(configmaps, json=config_map(name)).raise_for_status()
        assert told(events, 1) == [("ADDED", "two")]


def test_objects_enter_and_leave_a_selection(raw, configmaps, version):
    raw.post(configmaps, json=config_map("one")).raise_for_status()
    with watching(raw, configmaps, resourceVersion=version, labelSelector="on=yes") as events:
        change(raw, f"{configmaps}/one", on="yes")
        assert told(events, 1) == [("ADDED", "one")]
        change(raw, f"{configmaps}/one", on="yes", more="x")
        assert told(events, 1) == [("MODIFIED", "one")]
        left = change(raw, f"{configmaps}/one", on="no")
        type_, gone = next(events)
        assert type_ == "DELETED"
        assert gone["metadata"]["labels"]["on"] == "yes"
        assert gone["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
        change(raw, f"{configmaps}/one", on="no", other="x")
        raw.post(configmaps, json=config_map("two", labels={"on": "yes"})).raise_for_status()
        assert told(events, 1) == [("ADDED", "two")]


def test_a_watch_ends_at_its_timeout_with_a_bookmark(raw, configmaps, version):
    chosen = {"resourceVersion": version, "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    raw.post(configmaps, json=config_map("one")).raise_for_status()
    with watching(raw, configmaps, **chosen) as events:
        seen = list(events)
    assert [type_ for type_, _ in seen if type_ != "BOOKMARK"] == ["ADDED"]
    for type_, obj in seen:
        if type_ == "BOOKMARK":
            assert obj["kind"] == "ConfigMap"
            assert int(obj["metadata"]["resourceVersion"]) >= int(version)


def test_a_watch_without_bookmarks_gets_none(raw, configmaps, version):
    with watching(raw, configmaps, resourceVersion=version, timeoutSeconds="1") as events:
        assert list(events) == []


def test_initial_events_end_with_their_own_bookmark(raw, configmaps):
    raw.post(configmaps, json=config_map("one", labels={"mine": "yes"})).raise_for_status()
    chosen = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "labelSelector": "mine"}
    with watching(raw, configmaps, allowWatchBookmarks="true", **chosen) as events:
        assert told(events, 1) == [("ADDED", "one")]
        type_, mark = next(events)
    assert type_ == "BOOKMARK"
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(mark["metadata"]["resourceVersion"]) > 0


def test_a_watch_from_forgotten_history_says_gone(raw, configmaps, expired_version):
    answer = raw.get(configmaps, params={"watch": "true", "resourceVersion": expired_version})
    body = answer.json()
    if answer.status_code == 200:
        assert body["type"] == "ERROR"
        body = body["object"]
    assert (body["code"], body["kind"]) == (410, "Status")
    assert body["reason"] in ("Expired", "Gone")


def test_a_version_match_needs_initial_events(raw, configmaps, version):
    chosen = {"watch": "true", "resourceVersion": version, "resourceVersionMatch": "NotOlderThan"}
    assert raw.get(configmaps, params=chosen).status_code == 422


def test_what_a_watch_told_equals_what_a_list_shows(raw, configmaps, version):
    for index in range(30):
        raw.post(configmaps, json=config_map(f"n{index:02}")).raise_for_status()
        if index % 3 == 0:
            raw.delete(f"{configmaps}/n{index:02}").raise_for_status()
        elif index % 5 == 1:
            change(raw, f"{configmaps}/n{index:02}", seen="yes")
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}  # a list says it once, for all
    listed = {one["metadata"]["name"]: kind | one for one in raw.get(configmaps).json()["items"]}
    known = {}
    with watching(raw, configmaps, resourceVersion=version) as events:
        for type_, obj in events:
            known[obj["metadata"]["name"]] = obj
            if type_ == "DELETED":
                del known[obj["metadata"]["name"]]
            if obj["metadata"]["name"] == "n29":
                break
    ours = {name: one for name, one in known.items() if name.startswith("n")}
    assert ours == {name: one for name, one in listed.items() if name.startswith("n")}
