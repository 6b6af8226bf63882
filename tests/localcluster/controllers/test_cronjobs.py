"""When the CronJob controller looks again and what it then makes, on a clock of the test's own."""

from types import SimpleNamespace

import pytest

from localcluster import times
from localcluster.controllers import cronjobs
from tests.localcluster.running import job, shell


@pytest.fixture
def look_after(registry, monkeypatch):
    """`look_after(schedule, ...)`: a function to look at such a CronJob, seconds after it was made."""

    def made(schedule, **spec):
        spec |= {"schedule": schedule, "jobTemplate": {"spec": job("", shell("sleep 600"))["spec"]}}
        made = registry.create(cronjobs.CRON_JOBS, "default", {"metadata": {"name": "nightly"}, "spec": spec})
        begun = times.parse(made["metadata"]["creationTimestamp"])
        controller, clock = cronjobs.CronJobController(registry), SimpleNamespace(now=begun)
        monkeypatch.setattr(cronjobs, "time", SimpleNamespace(time=lambda: clock.now))

        def look(seconds):
            clock.now = begun + seconds
            return controller.reconcile(("default", "nightly"))

        return look

    return made


def jobs_of(registry):
    return len(registry.list(cronjobs.JOBS, "default"))


def test_one_that_may_not_start_waits_for_the_next_interval(registry, look_after):
    look = look_after("@every 10s", concurrencyPolicy="Forbid")
    assert look(12) == pytest.approx(8)
    assert jobs_of(registry) == 1
    assert look(25) == pytest.approx(5)  # the interval at 20 found it running
    assert look(47) == pytest.approx(3)
    assert jobs_of(registry) == 1


def test_a_deadline_shorter_than_the_interval_lets_it_run(registry, look_after):
    look = look_after("@every 5m", startingDeadlineSeconds=60)
    assert look(10) == pytest.approx(290)
    assert jobs_of(registry) == 0
    assert look(301) == pytest.approx(299)
    assert jobs_of(registry) == 1


def test_what_is_past_its_deadline_is_not_made_up_for(registry, look_after):
    look = look_after("@every 5m", startingDeadlineSeconds=60)
    assert look(390) == pytest.approx(210)
    assert jobs_of(registry) == 0
    assert look(600) == pytest.approx(300)
    assert jobs_of(registry) == 1
