"""Rules of the house that the import linter cannot see."""

from pathlib import Path

import pytest
from django.apps import apps

from runyard.live.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
#: Upper rooms first, as in pyproject.toml's layers.
STAIRS = [
    "console",
    "api",
    "connect",
    "live",
    "sync",
    "metrics",
    "workloads",
    "clusters",
    "tenancy",
    "auth",
    "contenttypes",
]


def test_platform_is_no_package():
    """With an __init__.py it would shadow Python's own `platform`."""
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert not (ROOT / "tests" / "platform" / "__init__.py").exists()


@pytest.mark.parametrize("model", apps.get_models(), ids=lambda m: m._meta.label)
def test_foreign_keys_point_down_the_stairs(model):
    here = model._meta.app_label
    for field in model._meta.get_fields():
        if field.is_relation and field.concrete and field.related_model is not None:
            there = field.related_model._meta.app_label
            assert there == here or STAIRS.index(there) > STAIRS.index(here), (
                f"{model} -> {field.related_model}"
            )


def test_every_topic_asks_the_gate(db, eve, ada_training):
    from runyard.live.topics import resolve
    from runyard.tenancy.access import Denied

    eve.access_rules.all().delete()
    pod = ada_training.pods.get()
    names = {"workload": str(ada_training.pk), "log": f"{pod.pk}/main", "workloads": "", "clusters": ""}
    assert set(names) == set(TOPICS)
    for kind, name in names.items():
        with pytest.raises(Denied):
            resolve(eve, f"{kind}:{name}" if name else kind)
