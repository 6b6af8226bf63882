"""The schemas of custom resources: what they drop, fill in and refuse; and definitions that have none."""

import secrets

import pytest

from tests.contracts.objects import causes, eventually

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
WORKER = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "gpus": {"type": "integer", "default": 1},
        "image": {"type": "string"},
    },
}
SPEC = {
    "type": "object",
    "required": ["queue"],
    "properties": {
        "queue": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 8},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 2},
        "policy": {"type": "string", "enum": ["Always", "Never"], "default": "Never"},
        "port": {"x-kubernetes-int-or-string": True},
        "share": {"type": "number"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "limits": {
            "type": "object",
            "default": {},
            "properties": {"cpu": {"type": "string", "default": "1"}},
        },
        "workers": {
            "type": "array",
            "maxItems": 3,
            "items": WORKER,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "either": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": SPEC,
        "status": {"type": "object", "properties": {"ready": {"type": "integer"}}},
    },
}


def definition(group, schema):
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "metadata": {"name": f"runs.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "runs", "kind": "Run"},
            "versions": [version | {"schema": {"openAPIV3Schema": schema}}],
        },
    }


@pytest.fixture(scope="session")
def group(raw):
    """The API group in which runs are served."""
    name = f"c{secrets.token_hex(4)}.example.org"
    raw.post(DEFINITIONS, json=definition(name, SCHEMA)).raise_for_status()
    eventually(lambda: raw.get(f"/apis/{name}/v1/runs").status_code == 200)
    yield name
    raw.delete(f"{DEFINITIONS}/runs.{name}")


@pytest.fixture
def runs(group, namespace):
    return f"/apis/{group}/v1/namespaces/{namespace}/runs"


def run(group, **spec):
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Run",
        "metadata": {"name": "one"},
        "spec": {"queue": "team"} | spec,
    }


def test_what_is_absent_gets_its_default(raw, group, runs):
    made = raw.post(runs, json=run(group, workers=[{"name": "a"}])).json()
    assert made["spec"] == {
        "queue": "team",
        "replicas": 2,
        "policy": "Never",
        "limits": {"cpu": "1"},
        "workers": [{"name": "a", "gpus": 1}],
    }
    assert raw.get(f"{runs}/one").json()["spec"] == made["spec"]


def test_what_the_schema_does_not_know_is_dropped(raw, group, runs):
    kept = {"free": {"x": {"y": [1]}}, "labels": {"any": "thing"}}
    made = raw.post(
        runs, json=run(group, typo=1, workers=[{"name": "a", "colour": 1}], **kept) | {"other": 1}
    )
    assert made.status_code == 201
    spec = made.json()["spec"]
    assert (spec["free"], spec["labels"]) == (kept["free"], kept["labels"])
    assert not {"typo", "colour"} & {*spec, *spec["workers"][0]}
    assert "other" not in made.json()


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ({"replicas": "three"}, "spec.replicas", "FieldValueTypeInvalid"),
        ({"replicas": 2.5}, "spec.replicas", "FieldValueTypeInvalid"),
        ({"replicas": 0}, "spec.replicas", "FieldValueInvalid"),
        ({"replicas": 11}, "spec.replicas", "FieldValueInvalid"),
        ({"queue": "Team"}, "spec.queue", "FieldValueInvalid"),
        ({"queue": "t"}, "spec.queue", "FieldValueInvalid"),
        ({"queue": "t" * 9}, "spec.queue", "FieldValueTooLong"),
        ({"policy": "Sometimes"}, "spec.policy", "FieldValueNotSupported"),
        ({"labels": {"a": 1}}, "spec.labels.a", "FieldValueTypeInvalid"),
        ({"workers": [{"gpus": 1}]}, "spec.workers[0].name", "FieldValueRequired"),
        ({"workers": [{"name": str(n)} for n in range(4)]}, "spec.workers", "FieldValueTooMany"),
        ({"workers": [{"name": "a"}, {"name": "a"}]}, "spec.workers[1]", "FieldValueDuplicate"),
        ({"tags": ["a", "b", "a"]}, "spec.tags[2]", "FieldValueDuplicate"),
        ({"port": True}, "spec.port", "FieldValueTypeInvalid"),
        ({"either": {"a": 1, "b": 2}}, "<nil>", "FieldValueInvalid"),
        ({"either": {}}, "<nil>", "FieldValueInvalid"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field(raw, group, runs, wrong, field, reason):
    answer = raw.post(runs, json=run(group, **wrong))
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid"), answer.text
    assert causes(answer)[field][0] == reason


def test_what_is_required_is_named(raw, group, runs):
    without = run(group) | {"spec": {"replicas": 1}}
    assert causes(raw.post(runs, json=without))["spec.queue"][0] == "FieldValueRequired"
    del without["spec"]
    assert causes(raw.post(runs, json=without))["spec"][0] == "FieldValueRequired"


@pytest.mark.parametrize("port", [8080, "http"])
def test_a_number_or_a_text(raw, group, runs, port):
    assert raw.post(runs, json=run(group, port=port, share=1)).json()["spec"]["port"] == port


def test_changes_are_held_to_the_schema_too(raw, group, runs):
    raw.post(runs, json=run(group)).raise_for_status()
    answer = raw.patch(f"{runs}/one", json={"spec": {"replicas": 99}}, headers=MERGE)
    assert answer.status_code == 422
    changed = raw.patch(f"{runs}/one", json={"spec": {"replicas": None, "more": 1}}, headers=MERGE).json()
    assert changed["spec"]["replicas"] == 2
    assert "more" not in changed["spec"]


def test_the_status_is_held_to_the_schema_and_written_by_itself(raw, group, runs):
    made = raw.post(runs, json=run(group) | {"status": {"ready": 1}}).json()
    assert "status" not in made
    wrong = raw.patch(f"{runs}/one/status", json={"status": {"ready": "yes"}}, headers=MERGE)
    assert wrong.status_code == 422
    change = {"status": {"ready": 1, "x": 1}, "spec": {"replicas": 5}}
    written = raw.patch(f"{runs}/one/status", json=change, headers=MERGE).json()
    assert (written["status"], written["spec"]["replicas"]) == ({"ready": 1}, 2)
    assert written["metadata"]["generation"] == 1


def test_lists_with_keys_are_merged_by_apply(raw, group, runs):
    for manager, worker in (("a", {"name": "a", "gpus": 4}), ("b", {"name": "b"})):
        params = {"fieldManager": manager}
        wanted = run(group, workers=[worker])
        raw.patch(f"{runs}/one", json=wanted, params=params, headers=APPLY).raise_for_status()
    workers = raw.get(f"{runs}/one").json()["spec"]["workers"]
    assert workers == [{"name": "a", "gpus": 4}, {"name": "b", "gpus": 1}]


def test_a_dry_run_checks_and_fills_and_keeps_nothing(raw, group, runs):
    tried = raw.post(runs, json=run(group), params={"dryRun": "All"})
    assert (tried.status_code, tried.json()["spec"]["replicas"]) == (201, 2)
    assert raw.get(f"{runs}/one").status_code == 404
    assert raw.post(runs, json=run(group, replicas=0), params={"dryRun": "All"}).status_code == 422


def with_field(**a):
    return {"type": "object", "properties": {"a": a}}


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"type": "string"}, "type"),
        (with_field(), "properties[a].type"),
        (with_field(type="thing"), "properties[a].type"),
        (with_field(type="string", pattern="("), "properties[a].pattern"),
        (with_field(type="integer", default="x"), "properties[a].default"),
    ],
)
def test_a_schema_that_is_not_structural_is_refused(raw, schema, field):
    answer = raw.post(DEFINITIONS, json=definition("odd.example.org", schema))
    assert answer.status_code == 422, answer.text
    at = "spec.versions[0].schema.openAPIV3Schema."
    single = "spec.validation.openAPIV3Schema."  # how Kubernetes names that of the only version
    assert {f"{at}{field}", f"{single}{field}"} & set(causes(answer)), answer.text
