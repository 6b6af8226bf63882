"""Lists: selectors, pages that share one snapshot, and the resourceVersion rules."""

import base64
import json

import pytest

from tests.contracts.objects import config_map, job, names, pod


@pytest.fixture
def five(raw, configmaps):
    """Five configmaps, one to five, labelled by parity; "five" has no label."""
    for index, name in enumerate(("a1", "a2", "a3", "a4"), start=1):
        labels = {"parity": "odd" if index % 2 else "even", "rank": str(index)}
        raw.post(configmaps, json=config_map(name, labels=labels)).raise_for_status()
    raw.post(configmaps, json=config_map("a5")).raise_for_status()
    return configmaps


OURS = "metadata.name!=kube-root-ca.crt"  # which a controller of a full cluster adds to every namespace


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("parity=odd", ["a1", "a3"]),
        ("parity==even", ["a2", "a4"]),
        ("parity!=odd", ["a2", "a4", "a5"]),
        ("parity", ["a1", "a2", "a3", "a4"]),
        ("!parity", ["a5"]),
        ("rank in (1, 4)", ["a1", "a4"]),
        ("rank notin (1,2)", ["a3", "a4", "a5"]),
        ("parity=odd,rank=3", ["a3"]),
        ("rank in (1,2),parity=even", ["a2"]),
        ("", ["a1", "a2", "a3", "a4", "a5"]),
    ],
)
def test_label_selectors(raw, five, selector, expected):
    assert names(raw.get(five, params={"labelSelector": selector, "fieldSelector": OURS})) == expected


def test_field_selectors_of_metadata(raw, five, namespace):
    assert names(raw.get(five, params={"fieldSelector": "metadata.name=a2"})) == ["a2"]
    chosen = {"fieldSelector": f"metadata.namespace={namespace},metadata.name=a3"}
    assert names(raw.get("/api/v1/configmaps", params=chosen)) == ["a3"]
    assert names(raw.get(five, params={"fieldSelector": "metadata.name=a2,metadata.name=a3"})) == []


def test_field_selectors_of_pods_and_jobs(raw, pods, jobs):
    raw.post(pods, json=pod("one")).raise_for_status()
    assert names(raw.get(pods, params={"fieldSelector": "status.phase=Pending"})) == ["one"]
    assert names(raw.get(pods, params={"fieldSelector": "status.phase!=Pending"})) == []
    assert names(raw.get(pods, params={"fieldSelector": "spec.nodeName="})) == ["one"]
    assert names(raw.get(pods, params={"fieldSelector": "spec.restartPolicy=Never"})) == ["one"]
    raw.post(jobs, json=job("one")).raise_for_status()
    assert names(raw.get(jobs, params={"fieldSelector": "status.successful=0"})) == ["one"]


def test_a_list_carries_its_kind_and_version(raw, five):
    answer = raw.get(five).json()
    assert answer["kind"] == "ConfigMapList"
    assert answer["apiVersion"] == "v1"
    newest = max(int(item["metadata"]["resourceVersion"]) for item in answer["items"])
    assert int(answer["metadata"]["resourceVersion"]) >= newest


def test_an_empty_list_has_items(raw, jobs):
    answer = raw.get(jobs).json()
    assert answer["items"] == []
    assert answer["metadata"]["resourceVersion"]


def test_pages_are_one_snapshot(raw, five):
    chosen = {"limit": "2", "labelSelector": "rank"}
    first = raw.get(five, params=chosen).json()
    raw.delete(f"{five}/a3").raise_for_status()
    raw.post(five, json=config_map("a35", labels={"rank": "9"})).raise_for_status()
    merge = {"content-type": "application/merge-patch+json"}
    raw.patch(f"{five}/a4", json={"data": {"late": "yes"}}, headers=merge).raise_for_status()
    second = raw.get(five, params=chosen | {"continue": first["metadata"]["continue"]}).json()
    assert [one["metadata"]["name"] for one in first["items"]] == ["a1", "a2"]
    assert [one["metadata"]["name"] for one in second["items"]] == ["a3", "a4"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert not second["items"][1].get("data")


def test_the_last_page_has_no_continue(raw, five):
    chosen = {"limit": "3", "fieldSelector": OURS, "labelSelector": "rank"}
    first = raw.get(five, params=chosen).json()
    last = raw.get(five, params=chosen | {"continue": first["metadata"]["continue"]}).json()
    assert [one["metadata"]["name"] for one in last["items"]] == ["a4"]
    assert "continue" not in last["metadata"]


def test_a_page_says_how_much_remains(raw, jobs):
    for name in ("a", "b", "c"):
        raw.post(jobs, json=job(name)).raise_for_status()
    assert raw.get(jobs, params={"limit": "1"}).json()["metadata"]["remainingItemCount"] == 2


def test_pages_over_all_namespaces(raw, five, namespace):
    seen, token = [], ""
    while True:
        chosen = {"limit": "3", "continue": token}
        page = raw.get("/api/v1/configmaps", params={k: v for k, v in chosen.items() if v}).json()
        seen += [
            one["metadata"]["name"] for one in page["items"] if one["metadata"]["namespace"] == namespace
        ]
        token = page["metadata"].get("continue")
        if not token:
            break
    assert [name for name in seen if name.startswith("a")] == ["a1", "a2", "a3", "a4", "a5"]


def test_an_expired_continue_is_gone(raw, five, expired_version):
    page = raw.get(five, params={"limit": "1"}).json()
    token = page["metadata"]["continue"]
    old = _with_version(token, int(expired_version))
    answer = raw.get(five, params={"limit": "1", "continue": old})
    assert answer.status_code == 410, answer.text
    assert answer.json()["reason"] == "Expired"
    rest = raw.get(five, params={"limit": "1", "continue": answer.json()["metadata"]["continue"]})
    assert rest.status_code == 200


def _with_version(token, version):
    """The same continue token, as of another version."""
    inside = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(json.dumps(inside | {"rv": version}).encode()).decode().rstrip("=")


def test_continue_excludes_a_version(raw, five):
    token = raw.get(five, params={"limit": "1"}).json()["metadata"]["continue"]
    chosen = {"limit": "1", "continue": token, "resourceVersion": "5"}
    assert raw.get(five, params=chosen).status_code == 400


def test_an_exact_version_shows_the_past(raw, five):
    then = raw.get(five).json()["metadata"]["resourceVersion"]
    raw.delete(f"{five}/a1").raise_for_status()
    chosen = {"resourceVersion": then, "resourceVersionMatch": "Exact", "labelSelector": "rank"}
    past = raw.get(five, params=chosen)
    assert names(past) == ["a1", "a2", "a3", "a4"]
    assert past.json()["metadata"]["resourceVersion"] == then


def test_not_older_than_shows_the_present(raw, five):
    then = raw.get(five).json()["metadata"]["resourceVersion"]
    raw.delete(f"{five}/a1").raise_for_status()
    now = raw.get(five).json()["metadata"]["resourceVersion"]
    chosen = {"resourceVersion": now, "resourceVersionMatch": "NotOlderThan", "labelSelector": "rank"}
    assert names(raw.get(five, params=chosen)) == ["a2", "a3", "a4"]
    assert int(now) > int(then)
    assert names(raw.get(five, params={"resourceVersion": now, "labelSelector": "rank"})) == [
        "a2",
        "a3",
        "a4",
    ]


def test_an_exact_version_that_is_compacted_is_gone(raw, configmaps, expired_version):
    chosen = {"resourceVersion": expired_version, "resourceVersionMatch": "Exact"}
    answer = raw.get(configmaps, params=chosen)
    assert (answer.status_code, answer.json()["reason"]) == (410, "Expired")


def test_a_version_of_the_future_times_out(raw, configmaps):
    far = str(int(raw.get(configmaps).json()["metadata"]["resourceVersion"]) + 1_000_000)
    answer = raw.get(configmaps, params={"resourceVersion": far})
    assert answer.status_code == 504
    assert "Too large resource version" in answer.json()["message"]
    assert answer.json()["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    "chosen",
    [
        {"resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
        {"resourceVersionMatch": "Roughly", "resourceVersion": "1"},
        {"sendInitialEvents": "true"},
    ],
)
def test_version_rules_that_contradict_each_other(raw, configmaps, chosen):
    answer = raw.get(configmaps, params=chosen)
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")


def test_deletecollection_takes_what_is_selected(raw, five):
    answer = raw.delete(five, params={"labelSelector": "parity=odd"})
    assert answer.status_code == 200
    assert names(answer) == ["a1", "a3"]
    assert names(raw.get(five, params={"fieldSelector": OURS})) == ["a2", "a4", "a5"]


def test_answers_are_compressed_only_when_asked(raw, configmaps):
    raw.post(configmaps, json=config_map("big", {"text": "x" * 200_000})).raise_for_status()
    plain = raw.get(configmaps, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = raw.get(configmaps, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["items"] == plain.json()["items"]


def test_a_list_says_once_of_what_kind_its_items_are(raw, configmaps):
    raw.post(configmaps, json=config_map("one")).raise_for_status()
    listed = raw.get(configmaps).json()
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in listed["items"])
    assert raw.get(f"{configmaps}/one").json()["kind"] == "ConfigMap"
