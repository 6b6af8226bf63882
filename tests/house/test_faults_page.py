"""The page of what fails names, for each fault, tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/\S+\.py)(?:::(\w+))?`")


def test_every_fault_is_held_by_tests_that_exist():
    page = (ROOT / "docs" / "faults.md").read_text()
    rows = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    numbers = [int(number) for row in rows for number in re.findall(r"\d+", row.split("|")[1])]
    assert numbers == [*range(1, 27)]
    assert all(NAMED.search(row) for row in rows)
    for file, name in NAMED.findall(page):
        assert f"def {name}" in (ROOT / file).read_text(), f"{file}::{name}"
