"""The product's settings with the yardsticks' addresses beside its own."""

from runyard.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.yardsticks"
