"""What fields there are, in OpenAPI v3: `kubectl explain` and editors read it."""

import pytest

from tests.contracts.objects import eventually
from tests.contracts.test_custom_resources import DEFINITIONS, definition

REF = "#/components/schemas/"


def schema_of(raw, root, kind):
    """The schemas of a group and version, and that of one kind in it; None while it has none."""
    group, _, version = root.removeprefix("apis/").removeprefix("api/").rpartition("/")
    listed = raw.get("/openapi/v3").json()["paths"]
    if root not in listed:
        return None
    parts = raw.get(listed[root]["serverRelativeURL"]).json()["components"]["schemas"]
    wanted = {"group": group, "version": version, "kind": kind}
    found = [one for one in parts.values() if wanted in one.get("x-kubernetes-group-version-kind", [])]
    return (parts, found[0]) if found else None


def field_at(parts, schema, path):
    """The schema of a field; of a list it is that of what is in it."""
    for name in path.split("."):
        schema = within(parts, schema["properties"][name])
    return schema


def within(parts, schema):
    [*several] = schema.get("allOf", [])
    for one in [schema, *several]:
        if "$ref" in one:
            return within(parts, parts[one["$ref"].removeprefix(REF)])
    return within(parts, schema["items"]) if "items" in schema else schema


@pytest.mark.parametrize(
    ("root", "kind", "path", "type_"),
    [
        ("api/v1", "Pod", "spec.containers.image", "string"),
        ("api/v1", "Pod", "metadata.labels", "object"),
        ("api/v1", "ConfigMap", "immutable", "boolean"),
        ("api/v1", "PersistentVolumeClaim", "spec.accessModes", "string"),
        ("apis/apps/v1", "Deployment", "spec.replicas", "integer"),
        ("apis/apps/v1", "StatefulSet", "spec.volumeClaimTemplates.spec.storageClassName", "string"),
        ("apis/batch/v1", "Job", "spec.template.spec.containers.env.value", "string"),
        ("apis/batch/v1", "CronJob", "spec.jobTemplate.spec.backoffLimit", "integer"),
    ],
)
def test_each_field_has_its_type(raw, root, kind, path, type_):
    assert field_at(*schema_of(raw, root, kind), path)["type"] == type_


def test_a_custom_kind_is_described_by_its_definition(raw, group):
    made = definition(group)
    size = {"type": "integer", "description": "How large it is."}
    made["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": size}}},
    }
    raw.post(DEFINITIONS, json=made).raise_for_status()
    parts, schema = eventually(lambda: schema_of(raw, f"apis/{group}/v1", "Gadget"))
    assert field_at(parts, schema, "spec.size") == size
    assert field_at(parts, schema, "metadata.name")["type"] == "string"
    raw.delete(f"{DEFINITIONS}/gadgets.{group}").raise_for_status()
