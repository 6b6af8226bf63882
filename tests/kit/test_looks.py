"""Looks of a table: spelled alike where they mean the same, compared, and recalled when columns are gone."""

import pytest
from django.http import QueryDict

from runyard.kit.columns import Number, Text
from runyard.kit.looks import Look, read_address, recall
from runyard.kit.tables import Filter, Table
from runyard.kit.values import BadQuery


class Trees(Table):
    default_sort = "name"
    searched = "words"
    filters = {"wood": Filter("wood", "wood", ("oak", "elm"))}
    name = Text(label="Name")
    height = Number(label="Height", of="metres")
    age = Number(label="Age", default=False)


def look(text, saved=None):
    return Look.of(Trees, QueryDict(text), saved)


def test_a_look_holds_rows_order_and_columns_and_no_place_in_them():
    made = look(
        "view=7&q=+tall++old&wood=oak&wood=oak&wood=&f=height+%3E%3D+8&sort=-height&columns=age&widths=age:90"
    )
    assert made.query == "q=tall+old&wood=oak&f=height%3E%3D8&sort=-height"
    assert made.columns == ("name", "age")
    assert made.layout == {"columns": ["name", "age"], "widths": {"age": 90}}


def test_its_parameters_show_the_same_again():
    made = look("q=x&f=height>=8&f=name=@a&sort=age&columns=age,height&widths=age:90")
    assert Look.of(Trees, made.params) == made
    assert Look.of(Trees, made.params, {"columns": ["name"], "widths": {"age": 500}}) == made


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("", "sort=name", True),
        ("f=height>=8&f=name=@a", "f=name=@a&f=height>=8", True),
        ("wood=oak&wood=elm", "wood=elm&wood=oak", True),
        ("q=a+b", "q=++a++b", True),
        ("q=a", "q=b", False),
        ("sort=-name", "", False),
        ("columns=age,height", "columns=height,age", False),
        ("widths=name:99", "", True),  # who asks for no widths takes any
        ("widths=name:99", "widths=name:98", False),
        ("after=&count=exact", "", True),
    ],
)
def test_two_looks_are_compared_by_what_they_show(one, other, same):
    assert look(one).shows(look(other)) is same


@pytest.mark.parametrize(
    "text", ["f=wishes>=1", "sort=wishes", "columns=wishes", "wood=plastic", "x=1", "widths=age"]
)
def test_what_the_table_does_not_have_cannot_be_kept(text):
    with pytest.raises(BadQuery):
        look(text)


def test_what_is_gone_is_said_and_the_rest_recalled():
    kept = "q=x&wood=plastic&wood=oak&pool=a&f=height>=8&f=wishes==2&sort=-wishes,age"
    layout = {"columns": ["name", "wishes", "age"], "widths": {"wishes": 90, "age": 80}}
    found, lost = recall(Trees, kept, layout)
    assert found == look("q=x&wood=oak&f=height>=8&sort=age&columns=age&widths=age:80")
    assert lost == [
        "the filter “wood: plastic”",
        "the filter “pool: a”",
        "the filter “wishes==2”",
        "sorting by “wishes”",
        "the column “wishes”",
    ]


@pytest.mark.parametrize("layout", [None, 7, [], {}, {"columns": 7}, {"columns": [], "widths": 7}])
def test_a_layout_that_makes_no_sense_is_the_tables_own(layout):
    found, lost = recall(Trees, "sort=name", layout)
    assert (found.columns, lost) == (("name", "height"), [])


def test_columns_that_are_no_names_are_said_too():
    found, lost = recall(Trees, "", {"columns": [7, "age", "age"]})
    assert found.columns == ("name", "age")
    assert lost == ["the column “7”"]


@pytest.mark.parametrize(
    "query", ["&".join(["a=1"] * 2000), "x" * 30_000, "q=" + "y" * 5000, "%00=1&q=%00", "f=" * 40]
)
def test_a_kept_query_that_is_broken_shows_what_it_can(query):
    found, _ = recall(Trees, query, None)
    assert found.columns == ("name", "height")


@pytest.mark.parametrize("text", ["x" * 20_001, "a&" * 9000, "q=\0"])
def test_an_address_that_is_none_is_refused_in_words(text):
    with pytest.raises(BadQuery, match="no address"):
        read_address(text)


def test_an_address_may_begin_with_its_question_mark():
    assert read_address("?q=x").get("q") == "x"
