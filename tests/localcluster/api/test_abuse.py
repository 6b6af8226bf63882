"""What a careless or hostile client with a token can send; each costs the server next to nothing."""

import json
import time

import pytest

from localcluster import patch, selectors
from localcluster.kinds.pods import LISTS
from localcluster.status import ApiError
from tests.contracts.objects import job, pod

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
QUICK = 5.0  # seconds of CPU; what these guard against takes minutes


@pytest.mark.parametrize("text", ["a" + " " * 50_000 + "b", "a=" + " " * 50_000 + "\nx", "=" * 50_000])
def test_a_hostile_field_selector_is_read_in_no_time(text):
    started = time.thread_time()
    with pytest.raises(ApiError):
        selectors.fields(text, {"b": str}, "pods")
    assert time.thread_time() - started < QUICK


@pytest.mark.parametrize("text", ["a," * 15_000 + "!", "a in (" * 8_000, "a" * 60_000 + "/", ",(" * 20_000])
def test_a_hostile_label_selector_is_read_in_no_time(text):
    started = time.thread_time()
    with pytest.raises(ApiError):
        selectors.labels(text)
    assert time.thread_time() - started < QUICK


def test_a_comma_in_parentheses_separates_nothing():
    chosen = selectors.labels("tier in (a, b),app=web,!old,zone notin (x,y)")
    assert chosen is not None
    assert chosen({"tier": "b", "app": "web"})
    assert not chosen({"tier": "b", "app": "web", "zone": "y"})


def test_a_patch_that_copies_itself_over_and_over_is_too_large():
    copies = [{"op": "copy", "from": "/metadata", "path": f"/metadata/x{n}"} for n in range(60)]
    with pytest.raises(ApiError) as refused:
        patch.patched({"metadata": {"name": "a"}}, copies, patch.JSON_PATCH, LISTS)
    assert refused.value.code == 413


def test_a_patch_that_copies_a_little_works():
    copies = [{"op": "copy", "from": "/metadata/name", "path": f"/metadata/x{n}"} for n in range(60)]
    patched = patch.patched({"metadata": {"name": "a"}}, copies, patch.JSON_PATCH, LISTS)
    assert patched["metadata"]["x59"] == "a"


def test_a_patch_that_nests_ever_deeper_is_refused():
    nested = [{"op": "add", "path": "/metadata" + "/a" * n, "value": {}} for n in range(1, 300)]
    with pytest.raises(ApiError) as refused:
        patch.patched({"metadata": {"name": "a"}}, nested, patch.JSON_PATCH, LISTS)
    assert refused.value.code == 400


async def test_an_object_does_not_grow_beyond_its_bound(http):
    await http.post(CONFIGMAPS, json={"metadata": {"name": "one"}})
    merge = {"content-type": patch.MERGE_PATCH}
    codes = []
    for number in range(3):
        body = json.dumps({f"unknown{number}": "x" * 2_500_000})
        codes.append((await http.patch(f"{CONFIGMAPS}/one", content=body, headers=merge)).status_code)
    assert codes == [200, 413, 413]


@pytest.mark.parametrize(
    "options",
    [{"dryRun": 5}, {"dryRun": [5]}, {"gracePeriodSeconds": True}, {"gracePeriodSeconds": 2**40}],
)
async def test_odd_delete_options_are_refused(http, options):
    await http.post(PODS, json=pod("one"))
    await http.post(f"{PODS}/one/binding", json={"target": {"name": "node-1"}})
    answer = await http.request("DELETE", f"{PODS}/one", json=options)
    assert answer.status_code == 400
    assert (await http.get(f"{PODS}/one")).json()["metadata"].get("deletionTimestamp") is None


async def test_a_continue_token_from_the_future_is_refused(http):
    answer = await http.get(PODS, params={"continue": "eyJydiI6OTk5OTksImsiOiIifQ"})
    assert answer.status_code == 400


HOOK = {"httpGet": {"path": "/"}}
FILES = {"name": "c", "items": [{"key": "a", "path": "../../a"}]}


@pytest.mark.parametrize(
    ("field", "container", "spec"),
    [
        ("spec.containers[0].workingDir", {"workingDir": "/a\0b"}, {}),
        ("spec.containers[0].workingDir", {"workingDir": "/a" * 1000}, {}),
        ("spec.containers[0].lifecycle.preStop.httpGet.port", {"lifecycle": {"preStop": HOOK}}, {}),
        ("spec.containers[0].lifecycle.postStart", {"lifecycle": {"postStart": {}}}, {}),
        ("spec.volumes[0].hostPath.path", {}, {"volumes": [{"name": "v", "hostPath": {"path": "a"}}]}),
        ("spec.volumes[0].hostPath.path", {}, {"volumes": [{"name": "v", "hostPath": {"path": "/a/../b"}}]}),
        ("spec.volumes[0].configMap.items[0].path", {}, {"volumes": [{"name": "v", "configMap": FILES}]}),
        (
            "spec.volumes[0].projected.sources[0].secret.items[0].path",
            {},
            {"volumes": [{"name": "v", "projected": {"sources": [{"secret": FILES}]}}]},
        ),
        (
            "spec.volumes[0].downwardAPI.items[0].path",
            {},
            {"volumes": [{"name": "v", "downwardAPI": {"items": [{}]}}]},
        ),
        ("spec.terminationGracePeriodSeconds", {}, {"terminationGracePeriodSeconds": 10**15}),
    ],
)
async def test_what_the_node_could_not_do_is_refused_where_it_came_in(http, field, container, spec):
    answer = await http.post(PODS, json=pod("one", container=container, spec=spec))
    assert answer.status_code == 422
    assert field in [cause["field"] for cause in answer.json()["details"]["causes"]]


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.backoffLimitPerIndex", {"backoffLimitPerIndex": 1}),
        ("spec.backoffLimitPerIndex", {"completionMode": "Indexed", "maxFailedIndexes": 1}),
        ("spec.successPolicy.rules", {"completionMode": "Indexed", "successPolicy": {"rules": []}}),
        ("spec.completions", {"completionMode": "Indexed", "completions": 2**31}),
        ("spec.podFailurePolicy.rules[0].action", {"podFailurePolicy": {"rules": [{"action": "FailIndex"}]}}),
        (
            "spec.podFailurePolicy.rules[0].onPodConditions[0].type",
            {"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"status": "True"}]}]}},
        ),
        (
            "spec.podFailurePolicy.rules[0].onExitCodes.values",
            {"podFailurePolicy": {"rules": [{"action": "Count", "onExitCodes": {"operator": "In"}}]}},
        ),
    ],
)
async def test_a_job_is_not_promised_what_it_would_not_get(http, field, spec):
    answer = await http.post(JOBS, json=job("one", spec={"completions": 1, **spec}))
    assert answer.status_code == 422
    assert field in [cause["field"] for cause in answer.json()["details"]["causes"]]
