"""CustomResourceDefinitions of the embedded cluster: what it refuses, and what it remembers."""

import pytest

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
