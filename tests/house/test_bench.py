"""Each measurement can be asked for alone, by whoever has set nothing up: `make bench ARGS=live`."""

import os
import subprocess
import sys

import pytest

from tests.bench.__main__ import PARTS


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_read_alone(part):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
    clean.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-c", f"import tests.bench.{part}"]
    found = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
