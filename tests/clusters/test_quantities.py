"""Kubernetes quantities."""

import pytest

from runyard.clusters import quantities


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", 500),
        ("1", 1000),
        ("0.1", 100),
        ("1.5", 1500),
        ("1e3", 1_000_000),
        ("100u", 1),
        ("2k", 2_000_000),
    ],
)
def test_millis_round_up(text, value):
    assert quantities.millis(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Gi", 2**30),
        ("1.5Gi", 3 * 2**29),
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        ("123Mi", 123 * 2**20),
        ("0.5", 1),
    ],
)
def test_whole_rounds_up(text, value):
    assert quantities.whole(text) == value


@pytest.mark.parametrize(
    "text", ["", " ", "Gi", "1 Gi x", "1Zi", "12 potatoes", "NaN", "1e9999", "٣", "--1", "1" * 80]
)
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        quantities.parse(text)


def test_back_to_words():
    assert (quantities.cores(1500), quantities.cores(2000)) == ("1500m", "2")
    assert (quantities.binary(2**30), quantities.binary(1536 * 2**20), quantities.binary(7)) == (
        "1Gi",
        "1536Mi",
        "7",
    )
