"""CronJobs: a Job when one is due, as many at a time as they allow, as many old ones as they keep."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.objects import causes, eventually, names
from tests.contracts.test_running import running_job

MERGE = {"content-type": "application/merge-patch+json"}


def cron_job(schedule="@every 1s", *, seconds=0, code=0, **spec):
    """One whose Jobs end after so many seconds (None: never) with that code."""
    script = "sleep 600" if seconds is None else f"exit {code}"
    job = running_job("", script, seconds=seconds, code=code, backoffLimit=0)["spec"]
    job["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    template = {"metadata": {"labels": {"app": "nightly"}}, "spec": job}
    wanted = {"schedule": schedule, "jobTemplate": template}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": wanted | spec,
    }


@pytest.fixture
def cron_jobs(namespace):
    return f"/apis/batch/v1/namespaces/{namespace}/cronjobs"


@pytest.fixture
def due_again(raw, cron_jobs):
    """A function: the CronJob, which is suspended, was due so many hours ago last, and goes on."""

    def since(hours):
        before = datetime.now(UTC) - timedelta(hours=hours)
        status = {"status": {"lastScheduleTime": before.strftime("%Y-%m-%dT%H:%M:%SZ")}}
        raw.patch(f"{cron_jobs}/nightly/status", json=status, headers=MERGE).raise_for_status()
        raw.patch(f"{cron_jobs}/nightly", json={"spec": {"suspend": False}}, headers=MERGE).raise_for_status()

    return since


def reasons(core, namespace):
    found = core.list_namespaced_event(namespace, field_selector="involvedObject.name=nightly").items
    return {one.reason for one in found}


def test_it_has_defaults(raw, cron_jobs):
    made = raw.post(cron_jobs, json=cron_job("0 3 * * *")).json()["spec"]
    assert (made["concurrencyPolicy"], made["suspend"]) == ("Allow", False)
    assert (made["successfulJobsHistoryLimit"], made["failedJobsHistoryLimit"]) == (3, 1)
    assert made["jobTemplate"]["spec"]["template"]["spec"]["schedulerName"] == "default-scheduler"


def test_a_job_is_made_when_it_is_due_and_belongs_to_it(core, raw, namespace, cron_jobs, jobs):
    made = raw.post(cron_jobs, json=cron_job(seconds=None)).json()
    job = eventually(lambda: raw.get(jobs).json()["items"])[0]
    assert job["metadata"]["labels"].items() >= {"app": "nightly"}.items()
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronJob", made["metadata"]["uid"], True)
    told = eventually(lambda: raw.get(f"{cron_jobs}/nightly").json()["status"].get("active"))
    assert job["metadata"]["name"] in {one["name"] for one in told}
    scheduled = job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    minute = datetime.fromisoformat(scheduled).timestamp() // 60
    assert job["metadata"]["name"] == f"nightly-{minute:.0f}"
    eventually(lambda: "SuccessfulCreate" in reasons(core, namespace))


def test_of_those_that_were_missed_one_is_made_up_for(raw, cron_jobs, jobs, due_again):
    raw.post(cron_jobs, json=cron_job("0 * * * *", suspend=True, timeZone="Asia/Kolkata")).raise_for_status()
    due_again(hours=30)
    [job] = eventually(lambda: raw.get(jobs).json()["items"])
    scheduled = job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert scheduled.endswith(":00:00+05:30")
    last = datetime.fromisoformat(scheduled)
    assert timedelta() <= datetime.now(UTC) - last < timedelta(hours=1, minutes=1)
    eventually(lambda: last_schedule(raw, cron_jobs) == last)


def last_schedule(raw, cron_jobs):
    return datetime.fromisoformat(raw.get(f"{cron_jobs}/nightly").json()["status"]["lastScheduleTime"])


def test_what_is_past_its_deadline_is_not_made_up_for(raw, cron_jobs, jobs, due_again):
    late = cron_job("0 0 1 1 *", suspend=True, startingDeadlineSeconds=10)
    raw.post(cron_jobs, json=late).raise_for_status()
    due_again(hours=24 * 400)
    raw.post(cron_jobs, json=cron_job() | {"metadata": {"name": "other"}}).raise_for_status()
    eventually(lambda: raw.get(jobs).json()["items"])
    assert {name.rpartition("-")[0] for name in names(raw.get(jobs))} == {"other"}


def test_one_that_is_suspended_makes_none(raw, cron_jobs, jobs):
    raw.post(cron_jobs, json=cron_job(suspend=True)).raise_for_status()
    raw.post(cron_jobs, json=cron_job() | {"metadata": {"name": "other"}}).raise_for_status()
    eventually(lambda: raw.get(jobs).json()["items"])
    assert {name.rpartition("-")[0] for name in names(raw.get(jobs))} == {"other"}


def test_one_at_a_time_where_others_are_forbidden(core, raw, namespace, cron_jobs, jobs, due_again):
    raw.post(cron_jobs, json=cron_job("0 * * * *", seconds=None, suspend=True)).raise_for_status()
    due_again(hours=3)
    [first] = eventually(lambda: raw.get(jobs).json()["items"])
    eventually(lambda: raw.get(f"{cron_jobs}/nightly").json()["status"].get("active"))
    forbid = {"spec": {"concurrencyPolicy": "Forbid", "schedule": "* * * * *", "suspend": True}}
    raw.patch(f"{cron_jobs}/nightly", json=forbid, headers=MERGE).raise_for_status()
    due_again(hours=1)
    eventually(lambda: "JobAlreadyActive" in reasons(core, namespace))
    assert names(raw.get(jobs)) == [first["metadata"]["name"]]


def test_the_new_takes_the_place_of_the_old_where_that_is_asked_for(raw, cron_jobs, jobs, due_again):
    raw.post(cron_jobs, json=cron_job("0 0 1 * *", seconds=None, suspend=True)).raise_for_status()
    due_again(hours=24 * 60)
    [first] = eventually(lambda: raw.get(jobs).json()["items"])
    eventually(lambda: raw.get(f"{cron_jobs}/nightly").json()["status"].get("active"))
    replace = {"spec": {"concurrencyPolicy": "Replace", "schedule": "1 * * * *", "suspend": True}}
    raw.patch(f"{cron_jobs}/nightly", json=replace, headers=MERGE).raise_for_status()
    due_again(hours=3)
    eventually(lambda: names(raw.get(jobs)) not in ([first["metadata"]["name"]], []))
    eventually(lambda: first["metadata"]["name"] not in names(raw.get(jobs)))


@pytest.mark.parametrize(("code", "part"), [(0, "successfulJobsHistoryLimit"), (1, "failedJobsHistoryLimit")])
def test_old_jobs_go_beyond_what_is_kept(raw, cron_jobs, jobs, due_again, code, part):
    raw.post(cron_jobs, json=cron_job("0 * * * *", code=code, suspend=True, **{part: 0})).raise_for_status()
    due_again(hours=3)
    eventually(lambda: "lastScheduleTime" in raw.get(f"{cron_jobs}/nightly").json()["status"])
    eventually(lambda: names(raw.get(jobs)) == [])
    told = raw.get(f"{cron_jobs}/nightly").json()["status"]
    assert ("lastSuccessfulTime" in told) == (code == 0)


def test_its_jobs_go_with_it(raw, cron_jobs, jobs):
    raw.post(cron_jobs, json=cron_job(seconds=None)).raise_for_status()
    eventually(lambda: raw.get(jobs).json()["items"])
    raw.delete(f"{cron_jobs}/nightly").raise_for_status()
    eventually(lambda: names(raw.get(jobs)) == [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schedule": ""}, "spec.schedule"),
        ({"schedule": "sometimes"}, "spec.schedule"),
        ({"schedule": "61 * * * *"}, "spec.schedule"),
        ({"schedule": "0 0 L * *"}, "spec.schedule"),
        ({"schedule": "@every sometimes"}, "spec.schedule"),
        ({"schedule": "TZ=UTC 0 * * * *"}, "spec.schedule"),
        ({"timeZone": "Mars/Olympus"}, "spec.timeZone"),
        ({"concurrencyPolicy": "Sometimes"}, "spec.concurrencyPolicy"),
        ({"startingDeadlineSeconds": -1}, "spec.startingDeadlineSeconds"),
        ({"failedJobsHistoryLimit": -1}, "spec.failedJobsHistoryLimit"),
    ],
)
def test_what_is_wrong_is_refused(raw, cron_jobs, change, field):
    answer = raw.post(cron_jobs, json=cron_job(**change))
    assert answer.status_code == 422, answer.text
    assert field in causes(answer)


@pytest.mark.parametrize(
    "schedule", ["*/5 * * * *", "0 9-17 * * MON-FRI", "@daily", "@every 1h30m", "0 0 ? 1,6 *", "30 4 1 JAN 0"]
)
def test_ways_to_say_when(raw, cron_jobs, schedule):
    assert raw.post(cron_jobs, json=cron_job(schedule)).status_code == 201


def test_the_pods_of_its_jobs_end(raw, cron_jobs):
    wrong = cron_job()
    wrong["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    answer = raw.post(cron_jobs, json=wrong)
    assert "spec.jobTemplate.spec.template.spec.restartPolicy" in causes(answer)


def test_its_name_leaves_room_for_the_time(raw, cron_jobs):
    answer = raw.post(cron_jobs, json=cron_job() | {"metadata": {"name": "x" * 53}})
    assert (answer.status_code, list(causes(answer))) == (422, ["metadata.name"])
