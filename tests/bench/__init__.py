"""Speeds, each as a ratio against a named yardstick measured in the same run: `make bench`."""
