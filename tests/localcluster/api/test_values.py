"""Quantities and field sets, the two small languages inside objects."""

from decimal import Decimal

import pytest

from localcluster import fields, patch, quantities
from localcluster.kinds.pods import LISTS
from localcluster.selectors import match_labels


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("1", "1"),
        (2, "2"),
        (0.5, "0.5"),
        ("1.5Gi", str(1536 * 1024 * 1024)),
        ("1Ki", "1024"),
        ("2k", "2000"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("-1", "-1"),
        (".5", "0.5"),
        ("100n", "0.0000001"),
    ],
)
def test_quantities_are_read_exactly(text, value):
    assert quantities.parse(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "12 potatoes", "1Gb", "Gi", "1.2.3", "--1", "0x10", "1 Gi", "8 ", "9" * 65, "NaN", "٣"]
)
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="quantities must match"):
        quantities.parse(text)


def test_quantities_round_up():
    assert quantities.millis("0.0001") == 1
    assert quantities.whole("1500m") == 2
    assert not quantities.is_whole("1500m")


def test_field_sets_survive_their_written_form():
    obj = {
        "metadata": {"name": "x", "labels": {"a": "1"}},
        "spec": {
            "containers": [{"name": "main", "ports": [{"containerPort": 80}], "args": ["a"]}],
            "nodeSelector": {"pool": "a"},
        },
    }
    paths = set(fields.owned(obj, LISTS))
    assert fields.from_fields_v1(fields.to_fields_v1(paths)) == paths
    shown = {fields.shown(path) for path in paths}
    assert '.spec.containers[name="main"].ports[containerPort=80,protocol="TCP"].containerPort' in shown
    assert ".spec.nodeSelector" in shown
    assert ".metadata.labels.a" in shown
    assert not any(path.endswith(".metadata.name") for path in shown)


def test_strategic_patch_orders_replaces_and_retains():
    obj = {"spec": {"containers": [{"name": "a"}, {"name": "b"}], "strategy": {"type": "X", "rolling": {}}}}
    change = {
        "spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "c"}, {"name": "b", "$patch": "delete"}],
            "strategy": {"$retainKeys": ["type"], "type": "Y"},
        }
    }
    after = patch.patched(obj, change, patch.STRATEGIC_PATCH, LISTS)
    assert after["spec"] == {"containers": [{"name": "c"}, {"name": "a"}], "strategy": {"type": "Y"}}
    whole = {"spec": {"containers": [{"$patch": "replace"}, {"name": "z"}]}}
    assert patch.patched(obj, whole, patch.STRATEGIC_PATCH, LISTS)["spec"]["containers"] == [{"name": "z"}]


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"key": "a", "operator": "In", "values": ["1", "2"]}, True),
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, False),
        ({"key": "b", "operator": "NotIn", "values": ["1"]}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "DoesNotExist"}, False),
    ],
)
def test_label_selector_objects(expression, selected):
    assert match_labels({"matchExpressions": [expression]}, {"a": "1"}) is selected
