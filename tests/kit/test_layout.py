"""Which columns a table shows: what the address asks for, what somebody chose, what is shown otherwise."""

import pytest

from runyard.kit.layout import Layout, as_saved
from runyard.kit.values import BadQuery
from workloads.tables import WorkloadTable

COLUMNS = WorkloadTable.columns
DEFAULT = [
    "name", "status", "kind", "project", "created_by", "gpus", "gpu_use", "pods", "nodes", "age",
]  # fmt: skip


def test_somebody_who_chose_nothing_sees_the_default_columns():
    assert Layout.read(COLUMNS, None).keys == DEFAULT


def test_the_address_comes_before_the_choice_and_the_name_before_all():
    saved = as_saved(COLUMNS, ["name", "image"], {"image": "300"})
    assert Layout.read(COLUMNS, None, saved).keys == ["name", "image"]
    layout = Layout.read(COLUMNS, "gpus,image,name", saved)
    assert layout.keys == ["name", "gpus", "image"]
    assert layout.width(COLUMNS["image"]) == 300
    assert layout.width(COLUMNS["gpus"]) == COLUMNS["gpus"].width


def test_a_chosen_column_that_is_gone_is_left_out_and_said():
    layout = Layout.read(COLUMNS, None, {"columns": ["name", "wishes", "gpus"], "widths": {"wishes": 90}})
    assert layout.keys == ["name", "gpus"]
    assert "wishes" in layout.notice


@pytest.mark.parametrize(
    "saved",
    [None, 7, "x", [], {}, {"columns": 7}, {"columns": []}, {"columns": {"a": 1}}, {"widths": [1]},
     {"widths": {"gpus": "wide"}}, {"widths": {"gpus": 10**9}}, {"widths": {"gpus": None}}],
)  # fmt: skip
def test_a_choice_that_makes_no_sense_is_as_good_as_none(saved):
    layout = Layout.read(COLUMNS, None, saved)
    assert layout.keys == DEFAULT
    assert layout.width(COLUMNS["gpus"]) == COLUMNS["gpus"].width


def test_odd_things_among_the_chosen_columns_are_left_out():
    assert Layout.read(COLUMNS, None, {"columns": ["gpus", None, {}, "gpus"]}).keys == ["name", "gpus"]


@pytest.mark.parametrize(
    ("keys", "widths", "words"),
    [
        (["wishes"], {}, "no column “wishes”"),
        (["gpus", "gpus"], {}, "twice"),
        (["gpus"], {"wishes": "90"}, "is no width; write a column and pixels"),
        (["gpus"], {"gpus": "-1"}, "is no width; write a column and pixels"),
        (["gpus"], {"gpus": "9" * 30}, "is no width; write a column and pixels"),
        (["gpus"], {"gpus": "٣"}, "is no width; write a column and pixels"),
    ],
)
def test_only_what_makes_sense_is_kept(keys, widths, words):
    with pytest.raises(BadQuery, match=words):
        as_saved(COLUMNS, keys, widths)


def test_widths_are_kept_within_bounds():
    assert as_saved(COLUMNS, ["gpus"], {"gpus": "1", "name": "9999"})["widths"] == {"gpus": 40, "name": 800}
