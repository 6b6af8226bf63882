"""Where the time went: from what phases, pods and events tell, with a gap where nobody looked."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from runyard.clusters.absences import absences, away, back
from runyard.clusters.models import Absence
from tests.make import make_pod, make_workload
from workloads.models import Event, PhaseChange
from workloads.timeline import time_line

NOW = timezone.now()


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """Time stands still where the line looks at the clock."""
    monkeypatch.setattr("workloads.timeline.timezone", SimpleNamespace(now=lambda: NOW))


def ago(minutes):
    return NOW - timedelta(minutes=minutes)


def lived(workload, *phases):
    """Phases entered so many minutes ago."""
    for minutes, phase in phases:
        PhaseChange.objects.create(workload=workload, phase=phase, at=ago(minutes))


def told(workload, pod, reason, minutes):
    Event.objects.create(
        cluster=workload.cluster, workload=workload, uid=f"{reason}{minutes}", resource_version="1",
        regarding_uid=pod.uid, regarding_kind="Pod", regarding_name=pod.name, type="Normal", reason=reason,
        first_at=ago(minutes), last_at=ago(minutes),
    )  # fmt: skip


def line(user, workload):
    return time_line(user, workload, list(workload.pods.order_by("created_at", "pk")))


def minutes(parts):
    return [(part.name, round(part.lasted.total_seconds() / 60)) for part in parts]


@pytest.fixture
def workload(red, cluster, ada):
    return make_workload(red, cluster, created_by=ada)


def test_a_whole_life_is_told(ada, workload):
    pod = make_pod(
        workload, created_at=ago(59), scheduled_at=ago(50), running_at=ago(40), finished_at=ago(10)
    )
    told(workload, pod, "Pulling", 49)
    told(workload, pod, "Pulled", 44)
    lived(
        workload, (60, "Creating"), (59, "Pending"), (50, "Initializing"), (40, "Running"), (10, "Completed")
    )  # fmt: skip
    found = line(ada, workload)
    assert minutes(found.parts) == [
        ("Queued", 10), ("Initializing", 1), ("Pulling", 5), ("Initializing", 4), ("Running", 30),
    ]  # fmt: skip
    assert round(found.totals["Initializing"].total_seconds() / 60) == 5
    assert found.going == ""


def test_the_part_that_goes_on_says_so(ada, workload):
    lived(workload, (20, "Creating"), (10, "Running"))
    found = line(ada, workload)
    assert (found.parts[-1].name, found.parts[-1].going, found.going) == ("Running", True, "Running")


def test_stops_and_restarts_are_parts_of_their_own(ada, workload):
    lived(
        workload, (60, "Running"), (50, "Degraded"), (45, "Running"), (30, "Stopping"), (29, "Stopped"),
        (10, "Resuming"), (9, "Pending"), (5, "Running"),
    )  # fmt: skip
    assert minutes(line(ada, workload).parts) == [
        ("Running", 10), ("Degraded", 5), ("Running", 15), ("Stopping", 1), ("Stopped", 19), ("Queued", 5),
        ("Running", 5),
    ]  # fmt: skip


def test_an_end_that_was_seen_late_is_dated_by_its_own_account(ada, workload, cluster):
    """We were away for two hours, in which the pod ended: that is not two hours of running."""
    Absence.objects.create(cluster=cluster, since=ago(150), until=ago(30))
    make_pod(workload, phase="Succeeded", created_at=ago(180), running_at=ago(170), finished_at=ago(140))
    lived(workload, (180, "Creating"), (170, "Running"), (30, "Completed"))
    assert minutes(line(ada, workload).parts) == [("Queued", 10), ("Running", 30)]


def test_it_did_not_run_on_after_its_pods_had_ended_while_nobody_looked(ada, workload, cluster):
    lived(workload, (200, "Running"), (20, "Failed"))
    workload.completed_at = ago(25)  # its controller was away as well
    pods = [make_pod(workload, finished_at=ago(minutes)) for minutes in (160, 151)]
    assert minutes(line(ada, workload).parts) == [("Running", 175)]  # somebody looked all the time
    Absence.objects.create(cluster=cluster, since=ago(150), until=ago(30))
    assert minutes(line(ada, workload).parts) == [("Running", 49), ("Not known", 126)]
    type(pods[0]).objects.filter(pk=pods[0].pk).update(finished_at=None)
    assert minutes(line(ada, workload).parts) == [("Running", 175)]  # one does not tell


def test_what_nobody_saw_is_a_gap(ada, workload, cluster):
    Absence.objects.create(cluster=cluster, since=ago(150), until=ago(30))
    lived(workload, (180, "Running"), (30, "Stopped"))
    assert minutes(line(ada, workload).parts) == [("Running", 30), ("Not known", 120), ("Stopped", 30)]


def test_an_absence_after_which_nothing_had_changed_is_no_gap(ada, workload, cluster):
    Absence.objects.create(cluster=cluster, since=ago(150), until=ago(100))
    lived(workload, (180, "Running"), (30, "Stopped"))
    assert minutes(line(ada, workload).parts) == [("Running", 150), ("Stopped", 30)]


def test_while_the_cluster_is_away_the_rest_is_not_known(ada, workload, cluster):
    away(cluster.pk, ago(20), NOW)
    lived(workload, (60, "Running"))
    found = line(ada, workload)
    assert minutes(found.parts) == [("Running", 40), ("Not known", 20)]
    assert found.going == "Not known"


def test_an_absence_is_kept_once_and_ends(cluster):
    away(cluster.pk, ago(20), NOW), away(cluster.pk, ago(20), NOW)
    assert absences(cluster.pk, ago(1)).count() == 1
    back(cluster.pk, ago(20), NOW)
    assert Absence.objects.get().until == NOW
    back(cluster.pk, NOW - timedelta(seconds=3), NOW)
    assert Absence.objects.count() == 1
    back(cluster.pk, ago(5), NOW)
    assert Absence.objects.count() == 2


def test_each_of_a_few_pods_has_its_line(ada, workload):
    lived(workload, (60, "Pending"), (40, "Running"))
    make_pod(workload, created_at=ago(60), scheduled=True, scheduled_at=ago(50), running_at=ago(40))
    make_pod(workload, created_at=ago(60))
    pods = line(ada, workload).pods
    assert minutes(pods[0].parts) == [("Queued", 10), ("Initializing", 10), ("Running", 40)]
    assert minutes(pods[1].parts) == [("Queued", 60)]
    assert all(0 <= part.x <= 1000 and part.x + part.width <= 1001 for one in pods for part in one.parts)


def test_runs_before_the_last_restart_are_told_apart(ada, workload):
    lived(workload, (60, "Pending"), (50, "Running"))
    pod = make_pod(
        workload, created_at=ago(60), scheduled=True, scheduled_at=ago(55), running_at=ago(10), restarts=3
    )
    told(workload, pod, "Started", 50)
    parts = line(ada, workload).pods[0].parts
    assert minutes(parts) == [("Queued", 5), ("Initializing", 5), ("Restarts", 40), ("Running", 10)]


def test_what_a_pod_does_not_tell_is_a_gap(ada, workload):
    lived(workload, (60, "Pending"), (10, "Completed"))
    make_pod(workload, phase="Succeeded", scheduled=True, created_at=ago(60), finished_at=ago(10))
    assert minutes(line(ada, workload).pods[0].parts) == [("Not known", 50)]


def test_nine_pods_have_no_lines(ada, workload):
    lived(workload, (60, "Running"))
    for _ in range(9):
        make_pod(workload)
    assert line(ada, workload).pods == []


def test_short_parts_stay_visible(ada, workload):
    for seconds, phase in ((100_000, "Creating"), (99_999, "Running")):
        PhaseChange.objects.create(workload=workload, phase=phase, at=NOW - timedelta(seconds=seconds))
    parts = line(ada, workload).parts
    assert parts[0].width > 5
    assert parts[-1].x + parts[-1].width == pytest.approx(1000, abs=1)


def test_nothing_is_told_to_an_outsider(eve, workload):
    lived(workload, (60, "Running"))
    assert line(eve, workload).parts == []


def test_the_page_tells_it_in_words_too(ada, workload, browse):
    lived(workload, (60, "Pending"), (40, "Running"))
    page = browse(ada).get(f"/workloads/{workload.pk}/").content.decode()
    assert 'aria-label="Queued, 20 m, from ' in page
    assert page.count('tabindex="0" role="img"') == 1
    assert '<th scope="row">Queued</th>' in page
