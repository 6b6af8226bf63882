"""Custom resources: defined, served like any other kind, gone with their definition."""

import pytest

from tests.contracts.objects import causes, config_map, eventually, job, names, watching

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = {"content-type": "application/merge-patch+json"}


def definition(group, *, scope="Namespaced", version="v1", **spec):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": "gadgets", "kind": "Gadget", "shortNames": ["gd"]},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
            **spec,
        },
    }


def gadget(group, name="one", **fields):
    return {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": name}} | fields


@pytest.fixture
def defined(raw, group):
    """The group of gadgets, which are served by now."""
    raw.post(DEFINITIONS, json=definition(group)).raise_for_status()
    eventually(lambda: raw.get(f"/apis/{group}/v1/gadgets").status_code == 200)
    yield group
    raw.delete(f"{DEFINITIONS}/gadgets.{group}")


@pytest.fixture
def gadgets(defined, namespace):
    return f"/apis/{defined}/v1/namespaces/{namespace}/gadgets"


def test_what_nobody_defined_is_not_found(raw, group):
    assert raw.get(f"/apis/{group}/v1/gadgets").status_code == 404
    assert raw.get(f"/apis/{group}").status_code == 404


def test_a_definition_is_established_and_discovered(raw, defined):
    made = raw.get(f"{DEFINITIONS}/gadgets.{defined}").json()
    assert made["spec"]["names"]["singular"] == "gadget"
    assert made["spec"]["names"]["listKind"] == "GadgetList"
    assert {"Established", "NamesAccepted"} <= {
        one["type"] for one in made["status"]["conditions"] if one["status"] == "True"
    }
    groups = eventually(lambda: [one for one in raw.get("/apis").json()["groups"] if one["name"] == defined])
    assert groups[0]["preferredVersion"] == {"groupVersion": f"{defined}/v1", "version": "v1"}
    resources = eventually(
        lambda: {one["name"]: one for one in raw.get(f"/apis/{defined}/v1").json()["resources"]}
    )
    assert (resources["gadgets"]["kind"], resources["gadgets"]["namespaced"]) == ("Gadget", True)
    assert "gadgets/status" in resources


def test_objects_are_made_listed_changed_and_deleted(raw, defined, gadgets):
    made = raw.post(gadgets, json=gadget(defined, spec={"size": 3}, status={"no": "way"}))
    assert made.status_code == 201
    assert "status" not in made.json()
    listed = raw.get(gadgets).json()
    assert (listed["kind"], listed["apiVersion"]) == ("GadgetList", f"{defined}/v1")
    assert [(one["kind"], one["apiVersion"]) for one in listed["items"]] == [("Gadget", f"{defined}/v1")]
    assert names(raw.get(f"/apis/{defined}/v1/gadgets")) == ["one"]
    changed = raw.patch(f"{gadgets}/one", json={"spec": {"size": 4}}, headers=MERGE).json()
    assert (changed["spec"], changed["metadata"]["generation"]) == ({"size": 4}, 2)
    assert raw.post(gadgets, json=gadget(defined)).status_code == 409
    raw.delete(f"{gadgets}/one").raise_for_status()
    assert names(raw.get(gadgets)) == []


def test_the_status_is_written_by_itself(raw, defined, gadgets):
    raw.post(gadgets, json=gadget(defined, spec={"size": 3})).raise_for_status()
    body = {"spec": {"size": 9}, "status": {"phase": "Fine"}}
    told = raw.patch(f"{gadgets}/one/status", json=body, headers=MERGE).json()
    assert (told["spec"], told["status"], told["metadata"]["generation"]) == (
        {"size": 3},
        {"phase": "Fine"},
        1,
    )
    kept = raw.patch(f"{gadgets}/one", json={"status": {"phase": "Odd"}}, headers=MERGE).json()
    assert kept["status"] == {"phase": "Fine"}


def test_a_watch_tells_of_them_and_of_their_end_with_the_definition(raw, defined, gadgets):
    version = raw.get(gadgets).json()["metadata"]["resourceVersion"]
    with watching(raw, gadgets, resourceVersion=version) as events:
        raw.post(gadgets, json=gadget(defined)).raise_for_status()
        assert next(events)[0] == "ADDED"
        raw.patch(f"{gadgets}/one", json={"spec": {"a": 1}}, headers=MERGE).raise_for_status()
        assert next(events)[0] == "MODIFIED"
        raw.delete(f"{DEFINITIONS}/gadgets.{defined}").raise_for_status()
        assert next(type_ for type_, _ in events if type_ != "MODIFIED") == "DELETED"
    eventually(lambda: raw.get(gadgets).status_code == 404)


def test_an_object_goes_with_its_owner_and_with_its_namespace(raw, core, defined, gadgets, namespace, jobs):
    owner = raw.post(jobs, json=job("owner")).json()["metadata"]
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": "owner", "uid": owner["uid"]}
    owned = gadget(defined, "owned")
    owned["metadata"]["ownerReferences"] = [reference]
    raw.post(gadgets, json=owned).raise_for_status()
    raw.post(gadgets, json=gadget(defined, "stays")).raise_for_status()
    raw.request("DELETE", f"{jobs}/owner", json={"propagationPolicy": "Background"}).raise_for_status()
    eventually(lambda: names(raw.get(gadgets)) == ["stays"])
    other = core.create_namespace({"metadata": {"name": f"{namespace}-b"}}).metadata.name
    url = gadgets.replace(f"/{namespace}/", f"/{other}/")
    raw.post(url, json=gadget(defined)).raise_for_status()
    core.delete_namespace(other)
    eventually(lambda: names(raw.get(url)) == [])


def test_what_it_owns_goes_with_it(raw, defined, gadgets, configmaps):
    owner = raw.post(gadgets, json=gadget(defined)).json()["metadata"]
    reference = {"apiVersion": f"{defined}/v1", "kind": "Gadget", "name": "one", "uid": owner["uid"]}
    raw.post(configmaps, json=config_map("mine", ownerReferences=[reference])).raise_for_status()
    raw.delete(f"{gadgets}/one").raise_for_status()
    eventually(lambda: "mine" not in names(raw.get(configmaps)))


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"scope": "Galaxy"}, "spec.scope"),
        ({"names": {"plural": "gizmos", "kind": "Gizmo"}}, "metadata.name"),
        ({"versions": [{"name": "v1", "served": True, "storage": True}]},
         "spec.versions[0].schema.openAPIV3Schema"),
    ],
)  # fmt: skip
def test_a_broken_definition_is_refused_by_field(raw, group, broken, field):
    answer = raw.post(DEFINITIONS, json=definition(group, **broken))
    assert answer.status_code == 422
    assert field in causes(answer)


def test_where_it_lives_cannot_be_changed(raw, defined):
    answer = raw.patch(f"{DEFINITIONS}/gadgets.{defined}", json={"spec": {"scope": "Cluster"}}, headers=MERGE)
    assert answer.status_code == 422
    assert "spec.scope" in causes(answer)


TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def with_version(group, **fields):
    made = definition(group)
    made["spec"]["versions"][0] |= fields
    return made


@pytest.fixture
def scaled(raw, group, namespace):
    """The path of gadgets that say how many there should be, and have columns."""
    paths = {"specReplicasPath": ".spec.many.wanted", "statusReplicasPath": ".status.count"}
    paths["labelSelectorPath"] = ".status.selector"
    columns = [
        {"name": "Wanted", "type": "integer", "jsonPath": ".spec.many.wanted"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "First", "type": "string", "jsonPath": ".spec.words[0]", "priority": 1},
        {"name": "All", "type": "string", "jsonPath": ".spec.words[*]"},
        {"name": "Odd", "type": "integer", "jsonPath": ".spec.words[0]"},
        {"name": "None", "type": "string", "jsonPath": ".spec.nothing"},
        {"name": "Last", "type": "string", "jsonPath": ".status.conditions[-1:].type"},
        {"name": "Team", "type": "string", "jsonPath": r".metadata.annotations.example\.org/team"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    below = {"status": {}, "scale": paths}
    made = with_version(group, subresources=below, additionalPrinterColumns=columns)
    raw.post(DEFINITIONS, json=made).raise_for_status()
    eventually(lambda: raw.get(f"/apis/{group}/v1/gadgets").status_code == 200)
    yield f"/apis/{group}/v1/namespaces/{namespace}/gadgets"
    raw.delete(f"{DEFINITIONS}/gadgets.{group}")


def test_how_many_there_should_be_is_its_scale(raw, group, scaled):
    raw.post(scaled, json=gadget(group, spec={"many": {"wanted": 2}})).raise_for_status()
    status = {"status": {"count": 1, "selector": "app=gadget"}}
    raw.patch(f"{scaled}/one/status", json=status, headers=MERGE).raise_for_status()
    scale = raw.get(f"{scaled}/one/scale").json()
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 2})
    assert scale["status"] == {"replicas": 1, "selector": "app=gadget"}
    changed = raw.patch(f"{scaled}/one/scale", json={"spec": {"replicas": 5}}, headers=MERGE)
    assert changed.json()["spec"] == {"replicas": 5}
    assert raw.get(f"{scaled}/one").json()["spec"] == {"many": {"wanted": 5}}
    resources = raw.get(f"/apis/{group}/v1").json()["resources"]
    assert "gadgets/scale" in {one["name"] for one in resources}


def test_its_columns_are_those_of_its_definition(raw, group, scaled):
    spec = {"many": {"wanted": 2}, "words": ["a", "b"]}
    made = gadget(group, spec=spec)
    made["metadata"]["annotations"] = {"example.org/team": "red"}
    raw.post(scaled, json=made).raise_for_status()
    conditions = [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]
    status = {"status": {"conditions": conditions}}
    raw.patch(f"{scaled}/one/status", json=status, headers=MERGE).raise_for_status()
    table = raw.get(scaled, headers=TABLE).json()
    titles = [(one["name"], one["type"], one["priority"]) for one in table["columnDefinitions"]]
    assert titles == [
        ("Name", "string", 0), ("Wanted", "integer", 0), ("Ready", "string", 0), ("First", "string", 1),
        ("All", "string", 0), ("Odd", "integer", 0), ("None", "string", 0), ("Last", "string", 0),
        ("Team", "string", 0), ("Age", "date", 0),
    ]  # fmt: skip
    [row] = table["rows"]
    assert row["cells"][:-1] == ["one", 2, "True", "a", "a", None, None, "Ready", "red"]
    assert row["cells"][-1].endswith("s")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"subresources": {"scale": {"specReplicasPath": ".spec.n"}}},
         "spec.versions[0].subresources.scale.statusReplicasPath"),
        ({"subresources": {"scale": {"specReplicasPath": ".n", "statusReplicasPath": ".status.n"}}},
         "spec.versions[0].subresources.scale.specReplicasPath"),
        ({"additionalPrinterColumns": [{"name": "A", "type": "colour", "jsonPath": ".spec.a"}]},
         "spec.versions[0].additionalPrinterColumns[0].type"),
        ({"additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": "spec["}]},
         "spec.versions[0].additionalPrinterColumns[0].jsonPath"),
    ],
)  # fmt: skip
def test_a_scale_or_column_that_is_wrong_is_refused(raw, group, fields, field):
    answer = raw.post(DEFINITIONS, json=with_version(group, **fields))
    assert answer.status_code == 422
    told = {one.replace("versions[0].", "").lower() for one in causes(answer)}
    assert field.replace("versions[0].", "").lower() in told, told
