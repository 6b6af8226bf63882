"""CustomResourceDefinitions of the embedded cluster: what it refuses, and what it remembers."""

import dataclasses

import msgspec
import pytest

from localcluster import tables
from localcluster.registry import Registry
from localcluster.status import ApiError
from tests.contracts.test_custom_resources import definition, gadget

GROUP = "shop.example.org"


def define(registry, group=GROUP, **spec):
    return registry.create("customresourcedefinitions.apiextensions.k8s.io", None, definition(group, **spec))


def test_definitions_and_objects_are_there_after_a_restart(registry, store, clock):
    define(registry)
    registry.create(f"gadgets.{GROUP}", "default", gadget(GROUP))
    again = Registry(store, clock)
    assert again.get(f"gadgets.{GROUP}", "default", "one")["kind"] == "Gadget"


def test_two_servers_in_a_process_serve_their_own_kinds(registry, tmp_path, clock):
    from localcluster.store import Store

    define(registry)
    other = Store(tmp_path / "other.db")
    assert Registry(other, clock).served.at(GROUP, "v1", "gadgets") is None
    other.close()


@pytest.mark.parametrize(
    "versions",
    [[], [("v1", True, True), ("v2", True, False)], [("v1", False, True)], [("v1", True, False)]],
    ids=["none", "two", "not served", "not stored"],
)
def test_it_serves_exactly_one_version_and_says_so(registry, versions):
    found = [
        {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": {}}}
        for name, served, storage in versions
    ]
    with pytest.raises(ApiError, match="exactly one version") as caught:
        define(registry, versions=found)
    assert caught.value.code == 422


@pytest.mark.parametrize(
    "spec",
    [
        {"names": None},
        {"names": {}},
        {"names": {"plural": "a.b", "kind": "Gadget"}},
        {"names": {"plural": 3}},
        {"group": "nodots"},
        {"group": "metrics.k8s.io"},
        {"versions": "v1"},
        {"versions": [None]},
        {"scope": None},
    ],
)
def test_nonsense_is_refused_in_words_and_serves_nothing(registry, spec):
    with pytest.raises(ApiError) as caught:
        define(registry, **spec)
    assert caught.value.code in (400, 422)
    assert registry.served.at(GROUP, "v1", "gadgets") is None


def test_a_new_short_name_is_served_and_a_new_version_refused(registry):
    define(registry)
    name = f"gadgets.{GROUP}"

    def rename(obj):
        obj["spec"]["names"]["shortNames"] = ["gg"]

    registry.mutate("customresourcedefinitions.apiextensions.k8s.io", None, name, rename)
    assert registry.served.of(name).short_names == ("gg",)

    def move(obj):
        obj["spec"]["versions"][0]["name"] = "v2"

    with pytest.raises(ApiError, match="immutable"):
        registry.mutate("customresourcedefinitions.apiextensions.k8s.io", None, name, move)


def test_what_is_not_served_any_more_is_not_found(registry):
    define(registry)
    registry.create(f"gadgets.{GROUP}", "default", gadget(GROUP, finalizers=["x.example/y"]))
    registry.delete("customresourcedefinitions.apiextensions.k8s.io", None, f"gadgets.{GROUP}")
    with pytest.raises(ApiError) as caught:
        registry.list(f"gadgets.{GROUP}")
    assert caught.value.code == 404
    define(registry)
    assert registry.list(f"gadgets.{GROUP}") == []


def columns(*paths):
    return [{"name": "A", "type": "string", "jsonPath": path} for path in paths]


def with_columns(*paths):
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return [version | {"additionalPrinterColumns": columns(*paths)}]


def cells(kind):
    body = {"items": [gadget(GROUP, spec={"words": ["a", "b", "c"], "n": 1})], "metadata": {}}
    [row] = msgspec.json.decode(tables.of_list(kind, msgspec.json.encode(body)))["rows"]
    return row["cells"][1:]


def test_columns_read_slices_and_are_empty_where_a_path_is_not_read(registry):
    read = (".spec.words[-1:]", ".spec.words[1:2]", ".spec.words[:]", ".spec.words[5:]")
    unread = ("..words", ".spec[?(@.n>1)]", ".spec['n','m']", ".spec.words[0,1]")
    define(registry, versions=with_columns(*read, *unread))
    assert cells(registry.served.of(f"gadgets.{GROUP}")) == ["c", "b", "a", *[None] * 5]


@pytest.mark.parametrize(
    "path", ["spec", ".spec[", ".spec]", ".spec[]", ".spec[one]", ".spec..", ".a b", ".a...b"]
)
def test_a_column_without_a_path_is_refused(registry, path):
    with pytest.raises(ApiError, match="jsonPath") as caught:
        define(registry, versions=with_columns(path))
    assert caught.value.code == 422


def test_a_column_that_was_stored_before_paths_were_checked_is_empty(registry):
    define(registry)
    kind = dataclasses.replace(registry.served.of(f"gadgets.{GROUP}"), columns=columns("spec[", ".spec.n"))
    assert cells(kind) == [None, "1"]
