"""Filters with operators: what each column takes, what each operator keeps, what is refused, in words."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from runyard.kit.columns import OPERATORS
from tests.make import make_workload
from workloads.tables import WorkloadTable

NOW = timezone.now()


@pytest.fixture
def three(red, cluster, ada, bo):
    """Three workloads that differ in every column."""
    rows = [
        {"name": "llama-70b", "phase": "Running", "gpu_millis": 8000, "memory_bytes": 2**35},
        {"name": "Qwen_50%", "phase": "Failed", "gpu_millis": 250, "memory_bytes": 2**30},
        {"name": "back\\slash", "phase": "Pending", "gpu_millis": 0, "memory_bytes": 2**29},
    ]
    rows[0] |= {"created_by": ada, "nodes": ["gpu-0", "cpu-1"]}
    rows[1] |= {"created_by": bo, "nodes": ["gpu-1"], "reason": "OOMKilled"}
    rows[1] |= {"restarts": 3, "completed_at": NOW - timedelta(hours=1)}
    rows[2] |= {"submitted_through": "form", "nodes": ["gpu-2", "cpu-1"]}
    for number, fields in enumerate(rows):
        moment = NOW - timedelta(days=10 * number, minutes=1)
        make_workload(red, cluster, created_at=moment, phase_at=moment, **fields)


def kept(user, *conditions):
    params = QueryDict(mutable=True)
    params.setlist("f", conditions)
    params["sort"] = "name"
    page = WorkloadTable.page(user, params)
    assert page.problem == ""
    return [row.name for row in page.rows]


def problem(user, condition):
    params = QueryDict(mutable=True)
    params["f"] = condition
    page = WorkloadTable.page(user, params)
    assert page.rows == []
    return page.problem


LLAMA, QWEN, BACK = "llama-70b", "Qwen_50%", "back\\slash"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name==LLAMA-70B", [LLAMA]),
        ("name!=llama-70b", [BACK, QWEN]),
        ("name=@LLA", [LLAMA]),
        ("name!@a", [QWEN]),
        ("name=^qwen", [QWEN]),
        ("name=$slash", [BACK]),
        ("name=@%", [QWEN]),
        ("name=@_", [QWEN]),
        ("name=@\\", [BACK]),
        ("name=^%", []),
        ("name==%", []),
        ("name=@'; DROP TABLE x; --", []),
        ("name == llama-70b ", [LLAMA]),
        ("created_by==ada", [LLAMA]),
        ("created_by==Ada Lovell", [LLAMA]),
        ("created_by!=ada", [BACK, QWEN]),
        ("created_by==", [BACK]),
        ("project==red", [BACK, LLAMA, QWEN]),
        ("department!=research", []),
        ("cluster==local", [BACK, LLAMA, QWEN]),
        ("namespace=^r", [BACK, LLAMA, QWEN]),
        ("image=$:2.6", [BACK, LLAMA, QWEN]),
        ("kind==training", [BACK, LLAMA, QWEN]),
        ("status==running", [LLAMA]),
        ("status!=Running", [BACK, QWEN]),
        ("reason==OOMKilled", [QWEN]),
        ("submitted_through==form", [BACK]),
        ("gpus>=8", [LLAMA]),
        ("gpus<=0.25", [BACK, QWEN]),
        ("gpus==0.25", [QWEN]),
        ("gpus!=0", [LLAMA, QWEN]),
        ("gpus>=0.001", [LLAMA, QWEN]),
        ("cpu==2", [BACK, LLAMA, QWEN]),
        ("memory>=1", [LLAMA, QWEN]),
        ("memory==0.5", [BACK]),
        ("memory==0.333", []),
        ("memory<=0.501", [BACK]),
        ("restarts>=999999999999", []),
        ("restarts!=999999999999", [BACK, LLAMA, QWEN]),
        ("pods==1", [BACK, LLAMA, QWEN]),
        ("pods_running>=1", []),
        ("nodes==gpu-0", [LLAMA]),
        ("nodes!=gpu-0", [BACK, QWEN]),
        ("nodes=@CPU", [BACK, LLAMA]),
        ("nodes!@cpu", [QWEN]),
        ("age<=7d", [LLAMA]),
        ("age>=2w", [BACK]),
        ("created>=7d", [LLAMA]),
        ("created<=15d", [BACK]),
        ("in_phase<=7d", [LLAMA]),
        ("completed>=2h", [QWEN]),
        ("completed<=30m", [QWEN]),
        ("started>=1970-01-01", []),
        (f"created>={NOW - timedelta(days=11):%Y-%m-%d}", [LLAMA, QWEN]),
        (f"created<={NOW - timedelta(days=12):%Y-%m-%d}", [BACK]),
        (f"created<={NOW - timedelta(days=20, minutes=1):%Y-%m-%dT%H:%M:%S}Z", []),
        (f"created<={NOW - timedelta(days=20):%Y-%m-%dT%H:%M:%S}+00:00", [BACK]),
    ],
)
def test_each_operator_keeps_what_it_says(dee, three, condition, expected):
    assert kept(dee, condition) == expected


def test_every_column_with_every_one_of_its_operators_answers(dee, three):
    examples = {"a number": "1", "a length": "7d", "2026-11": "7d", "any text": "x"}
    for column in WorkloadTable.columns.values():
        assert column.operators, column.key
        value = column.options[0][0] if column.options else examples[
            next(words for words in examples if column.hint.startswith(words))
        ]  # fmt: skip
        for operator in column.operators:
            kept(dee, f"{column.key}{operator}{value}")


def test_conditions_hold_together_but_several_values_of_one_column_are_a_choice(dee, three):
    assert kept(dee, "status==Running", "status==Failed") == [LLAMA, QWEN]
    assert kept(dee, "status==Running", "gpus<=1") == []
    assert kept(dee, "name!@llama", "name!@qwen") == [BACK]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("password==x", "cannot be filtered by “password”; it can by name, status"),
        ("created_by__password=@x", "filtered by “created_by__password”"),
        ("gpus=@8", "GPUs cannot be filtered with =@; use >= <= == !="),
        ("name>=a", "Name cannot be filtered with >="),
        ("gpus>=many", "“many” is no number"),
        ("gpus>=-1", "no number"),
        ("gpus>=1e9", "no number"),
        ("gpus>=٣", "no number"),
        ("gpus>=", "no number"),
        ("gpus", "is no filter"),
        ("name=llama", "is no filter"),
        ("status==Dancing", "no Status “Dancing”; there is Creating, Pending"),
        ("name=@", "needs a text"),
        ("nodes==", "needs a text"),
        ("created>=yesterday", "is no moment"),
        ("created>=2026-13-40", "is no moment"),
        ("created>=0001-01-01T00:00+14:00", "is no moment"),
        ("created>=9999-12-31", "is no moment"),
        ("age>=2026-01-01", "no length of time"),
        (f"name=@{'x' * 201}", "at most 200 characters"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(dee, three, condition, words):
    assert words in problem(dee, condition)


def test_more_filters_than_anybody_reads_are_refused(dee, three):
    params = QueryDict(mutable=True)
    params.setlist("f", ["gpus>=1"] * 21)
    assert "at most 20 filters" in WorkloadTable.page(dee, params).problem


def test_a_condition_can_be_read_and_written_back(dee, three):
    params = QueryDict(mutable=True)
    params.setlist("f", ["memory>=8", "reason==OOMKilled", "created_by=="])
    conditions = WorkloadTable.page(dee, params).conditions
    assert [str(one) for one in conditions] == params.getlist("f")
    assert [(one.words, one.shown) for one in conditions] == [
        ("at least", "8 GiB"),
        ("is", "out of memory"),
        ("is", "empty"),
    ]
    assert all(one.words in OPERATORS.values() for one in conditions)


def test_a_filter_shows_nobody_what_they_may_not_see(eve, three):
    assert kept(eve, "name=@llama") == []
