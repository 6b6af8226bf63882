"""What may be submitted, field by field, and the Job it becomes."""

import pytest

from workloads.spec import WorkloadSpec, job, problems

GOOD = {"name": "llama-sft", "image": "registry.example/torch:2.6", "command": "python train.py --steps 10"}


def wrong(**fields):
    return problems(WorkloadSpec(**{**GOOD, **fields}))


def test_a_good_one_has_no_problems():
    assert wrong(gpus="8", cpu="500m", memory="64Gi", environment=[("A", "1")], retries=3) == {}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "name"),
        ("name", "Llama_SFT", "lower-case"),
        ("name", "-a", "lower-case"),
        ("name", "a" * 64, "63"),
        ("name", "a\nb", "lower-case"),
        ("name", "\u202egnp", "lower-case"),
        ("image", "", "image"),
        ("image", "torch\nprivileged", "without spaces"),
        ("image", "a" * 600, "512"),
        ("command", "", "command"),
        ("command", "python 'train.py", "quote"),
        ("command", "x" * 40_000, "KiB"),
        ("command", "a\0b", "NUL"),
        ("arguments", '"', "quote"),
        ("gpus", "-1", "whole number"),
        ("gpus", "1e9", "whole number"),
        ("gpus", "1000000000", "At most"),
        ("gpus", "8 x", "whole number"),
        ("gpus", "0.5", "whole number"),
        ("gpus", "٣", "whole number"),
        ("cpu", "12 tomatoes", "cores"),
        ("cpu", "0", "too little"),
        ("cpu", "1e99", "more than"),
        ("memory", "12 potatoes", "unit"),
        ("memory", "NaN", "unit"),
        ("memory", "1Zi", "unit"),
        ("memory", "3", "too little"),
        ("environment", [("1A", "x")], "variable name"),
        ("environment", [("A", "x" * 2**20)], "mount a file"),
        ("environment", [("A", "1"), ("A", "2")], "twice"),
        ("environment", [(f"A{n}", "1") for n in range(30_000)], "At most 200"),
        ("environment", [(f"A{n}", "x" * 100_000) for n in range(3)], "in all"),
        ("environment", [("A", "a\0b")], "NUL"),
        ("retries", -1, "0 to 100"),
    ],
)
def test_bad_input_is_named_at_its_field(field, value, words):
    found = wrong(**{field: value})
    assert list(found) == [field]
    assert words in found[field]


def test_the_job_asks_for_what_was_submitted():
    spec = WorkloadSpec(**GOOD, arguments="--lr '1e 4'", gpus="2", memory="8Gi", environment=[("SEED", "7")])
    manifest = job(spec, "red", "some-key")
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["python", "train.py", "--steps", "10"]
    assert container["args"] == ["--lr", "1e 4"]
    assert container["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": "2"}
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "8Gi", "nvidia.com/gpu": "2"}
    assert container["env"] == [{"name": "SEED", "value": "7"}]
    assert manifest["metadata"]["labels"]["runyard.io/workload"] == "some-key"


def test_a_shell_is_never_given_the_command():
    container = job(WorkloadSpec(**{**GOOD, "command": "echo $(id); rm -rf /"}), "red", "k")["spec"][
        "template"
    ]["spec"]["containers"][0]
    assert container["command"] == ["echo", "$(id);", "rm", "-rf", "/"]


def test_a_spec_survives_being_kept_as_json():
    spec = WorkloadSpec(**GOOD, environment=[("A", "1")], retries=2)
    assert WorkloadSpec.load(spec.dump()) == spec
