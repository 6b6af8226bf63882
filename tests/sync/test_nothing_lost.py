"""Whatever servers do, our rows come to say what the cluster has."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from runyard.clusters.models import Cluster
from tests.sync.machine import Life
from tests.sync.misbehaving import KUBECONFIG
from tests.sync.rows import Database
from tests.sync.scenarios import RUNNING
from tests.sync.seeded import BUGS

#: The same lives every time; more, and others each time, when told how many.
EXAMPLES = int(os.environ.get("RUNYARD_TEST_EXAMPLES", "100"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    derandomize="RUNYARD_TEST_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
UNTIL_FOUND = settings(SETTINGS, max_examples=500, derandomize=True, phases=[Phase.generate])


@pytest.fixture
def life(db, red, tmp_path):
    """A subclass of Life on a cluster of its own."""
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    cluster = Cluster.objects.create(name="test", kubeconfig=str(path))
    return type("ALife", (Life,), {"cluster": cluster, "kubeconfig": str(path)})


@pytest.fixture
def live(life):
    """Live the scenario given, with real tables, to a healthy end."""
    life.tables = Database

    def live(scenario):
        one = life()
        try:
            scenario(one)
            one.heal()
        finally:
            one._end()

    return live


@pytest.mark.timeout(max(300, 5 * EXAMPLES))
def test_what_is_written_equals_the_cluster_after_any_trouble(life):
    run_state_machine_as_test(life, settings=SETTINGS)


def test_a_watch_that_is_cut_anywhere_loses_nothing(life):
    """An event and a half are some 700 bytes."""
    for after in range(1, 700, 9):
        one = life()
        try:
            one.begin({"a", "b"})
            one.pods([("a", RUNNING), ("b", "made again")])
            one.watch("cut", after)
            one.follower_goes_on(1)
            one.heal()
        finally:
            one._end()


@pytest.mark.timeout(max(300, 5 * EXAMPLES))
def test_rows_equal_the_cluster_after_any_trouble(life):
    life.tables = Database
    run_state_machine_as_test(life, settings=settings(SETTINGS, max_examples=EXAMPLES // 10))


@pytest.mark.parametrize("scenario", BUGS.values(), ids=lambda scenario: scenario.__name__)
def test_rows_equal_the_cluster_after(live, scenario):
    live(scenario)


@pytest.mark.parametrize(("bug", "scenario"), BUGS.items(), ids=[bug.__name__ for bug in BUGS])
def test_a_sync_with_a_bug_does_not_survive_its_scenario(live, bug, scenario, monkeypatch):
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        live(scenario)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_lives_made_up_find_a_sync_with_a_bug(life, bug, monkeypatch):
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(life, settings=UNTIL_FOUND)
