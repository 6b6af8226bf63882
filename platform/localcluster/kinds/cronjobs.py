"""Rules of batch/v1 CronJobs: defaults, what their schedule and the Jobs they make may be."""

from __future__ import annotations

from typing import Any

from localcluster import schedules
from localcluster.kinds import jobs, pod_spec
from localcluster.kinds.shape import Int, Plain, Shape, TemplateMeta
from localcluster.kinds.shapes import JobSpec
from localcluster.validation import Problems

Obj = dict[str, Any]
_POLICIES = ("Allow", "Forbid", "Replace")
_LONGEST_NAME = 52  # so that eleven characters more, for the time, still make the name of a Job


class JobTemplate(Shape):
    metadata: TemplateMeta | None = None
    spec: JobSpec | None = None


class CronJobSpec(Shape):
    schedule: str | None = None
    time_zone: str | None = None
    starting_deadline_seconds: Int | None = None
    concurrency_policy: str | None = None
    suspend: bool | None = None
    job_template: JobTemplate | None = None
    successful_jobs_history_limit: Int | None = None
    failed_jobs_history_limit: Int | None = None


class CronJob(Plain):
    spec: CronJobSpec | None = None  # type: ignore[assignment]


def default(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    template = spec.setdefault("jobTemplate", {}).setdefault("spec", {}).setdefault("template", {})
    pod_spec.default(template.setdefault("spec", {}))


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    _validate_time(spec, problems)
    problems.one_of("spec.concurrencyPolicy", spec["concurrencyPolicy"], _POLICIES)
    for part in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        problems.at_least(f"spec.{part}", spec.get(part), 0)
    if len(name) > _LONGEST_NAME:
        problems.invalid("metadata.name", name, f"must be no more than {_LONGEST_NAME} characters")
    _validate_template(spec["jobTemplate"]["spec"], problems)


def _validate_time(spec: Obj, problems: Problems) -> None:
    text, zone = spec.get("schedule", ""), spec.get("timeZone")
    if not text:
        problems.required("spec.schedule")
    else:
        _read("spec.schedule", text, lambda: schedules.Schedule.parse(text), problems)
    if zone == "":
        problems.invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string")
    elif zone is not None:
        _read("spec.timeZone", zone, lambda: schedules.zone(zone), problems)


def _read(field: str, text: str, read: Any, problems: Problems) -> None:
    try:
        read()
    except ValueError as error:
        problems.invalid(field, text, str(error))


def _validate_template(spec: Obj, problems: Problems) -> None:
    """As the Job that is made of it will be held to, all at once and where it says it."""
    at = "spec.jobTemplate.spec"
    for name in ("selector", "manualSelector"):
        if spec.get(name):
            problems.invalid(f"{at}.{name}", spec[name], "`selector` will be auto-generated")
    jobs.validate_counts(spec, at, problems)
    jobs.validate_pods(spec, at, problems)
