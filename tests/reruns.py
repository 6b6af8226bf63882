"""Loaded by pytest: a failed test that drives a browser or processes runs once more; no other ever does.

Such a test depends on a machine that may be busy with anything. What passed only the second time stands in
the summary as RERUN with its first failure: it is to be mended.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FOLDERS = (
    "cli",
    "clusters",
    "contracts",
    "controlplane",
    "doctor",
    "journeys",
    "kit/scripts",
    "live",
    "localcluster",
    "sync",
    "workspaces",
)
TIMEOUT = pytest.StashKey()


def drives_more_than_itself(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(TESTS / folder) for folder in FOLDERS)


def pytest_collection_modifyitems(items):
    for item in filter(drives_more_than_itself, items):
        item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item, settings):
    """Kept for the second run: the one timer of a test would be spent by the first."""
    item.stash[TIMEOUT] = settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if getattr(item, "execution_count", 1) > 1 and TIMEOUT in item.stash:
        timer = item.config.pluginmanager.hook
        timer.pytest_timeout_cancel_timer(item=item)
        timer.pytest_timeout_set_timer(item=item, settings=item.stash[TIMEOUT])
