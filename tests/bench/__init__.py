"""Speeds, each as a ratio against a named yardstick measured in the same run: `make bench`."""

import os

# For this process, which runs nothing of the product but imports from it: what it starts is told its own.
os.environ.setdefault("RUNYARD_MODE", "test")
