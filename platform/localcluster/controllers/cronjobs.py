"""The CronJob controller: a Job when the schedule says so, and as many old ones as are to be kept.

A Job is named after the minute that it is due, so that none is made twice, whenever the server died.
"""

import copy
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from localcluster import times
from localcluster.schedules import Schedule
from localcluster.status import ApiError

from .children import Children, Key, owner_reference
from .conditions import is_true
from .runner import Controller
from .ttl import finished_at

Obj = dict[str, Any]
CRON_JOBS, JOBS, COMPONENT = "cronjobs.batch", "jobs.batch", "cronjob-controller"
_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class CronJobController(Controller):
    resources = (CRON_JOBS, JOBS)

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)
        self._jobs = Children(registry, JOBS, "CronJob")

    def keys(self, event: Any) -> Iterable[Key]:
        if event.resource == CRON_JOBS:
            yield event.object["metadata"]["namespace"], event.object["metadata"]["name"]
        elif key := self._jobs.note(event):
            yield key

    def reconcile(self, key: Key) -> float | None:
        try:
            own = self.registry.get(CRON_JOBS, *key)
        except ApiError:
            return None
        if own["metadata"].get("deletionTimestamp"):
            return None
        look = Look(self.registry, own, self._jobs.of(key, own["metadata"]["uid"]))
        try:
            return look.act()
        finally:  # the event of one just made is still to come
            for job in look.jobs:
                self._jobs.add(key, job)


class Look:
    """One look at one CronJob and its Jobs, as they are now."""

    def __init__(self, registry: Any, own: Obj, jobs: list[Obj]) -> None:
        self.registry, self.own, self.jobs = registry, own, jobs
        self.meta, self.spec, self.status = own["metadata"], own["spec"], own.get("status") or {}

    def act(self) -> float | None:
        """Make what is due; seconds until the next is."""
        self._note_ends()
        self._tidy()
        wait = None
        if not self.spec.get("suspend"):
            schedule = Schedule.parse(self.spec["schedule"], self.spec.get("timeZone", ""))
            now = time.time()
            self._start(schedule, now)
            due = schedule.next(self._since(), now)
            wait = max(0.0, due - time.time()) if due is not None else None
        self._tell()
        return wait

    def _since(self) -> float:
        """What was due before then is made; intervals are counted from then."""
        return times.parse(self.status.get("lastScheduleTime") or self.meta["creationTimestamp"])

    # -- what there is ------------------------------------------------------------------------------

    def _active(self) -> list[Obj]:
        return [one for one in self.jobs if finished_at(one) is None]

    def _note_ends(self) -> None:
        """Tells of each that has ended since it was last seen as active."""
        active = {one["uid"] for one in self.status.get("active") or []}
        for job in self.jobs:
            ended, name = finished_at(job), job["metadata"]["name"]
            if ended is None or job["metadata"]["uid"] not in active:
                continue
            done = is_true(job, "Complete")
            words = f"Saw completed job: {name}, condition: {'Complete' if done else 'Failed'}"
            self._event("Normal", "SawCompletedJob", words)
            known = self.status.get("lastSuccessfulTime")
            if done and (not known or times.parse(known) < ended):
                self.status["lastSuccessfulTime"] = times.text(ended)

    def _tidy(self) -> None:
        """Deletes the oldest of those that have ended well, and of those that have not, beyond the limits."""
        ended = [one for one in self.jobs if finished_at(one) is not None]
        for good, part in ((True, "successfulJobsHistoryLimit"), (False, "failedJobsHistoryLimit")):
            mine = [one for one in ended if is_true(one, "Complete") == good]
            mine.sort(key=lambda one: (one["status"].get("startTime", ""), one["metadata"]["name"]))
            for job in mine[: max(0, len(mine) - self.spec[part])]:
                self._delete(job)

    def _delete(self, job: Obj) -> None:
        if not job["metadata"].get("deletionTimestamp"):
            self.registry.delete(
                JOBS, self.meta["namespace"], job["metadata"]["name"], propagation="Background"
            )
            self._event("Normal", "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")
        self.jobs.remove(job)

    def _event(self, type_: str, reason: str, message: str) -> None:
        self.registry.event(self.own, type_, reason, message, COMPONENT)

    # -- what is due --------------------------------------------------------------------------------

    def _start(self, schedule: Schedule, now: float) -> None:
        """Of several that were missed only the last is made up for, unless it is too late for that."""
        due, deadline = schedule.latest(self._since(), now), self.spec.get("startingDeadlineSeconds")
        if due is None or (deadline is not None and due <= now - deadline):
            return
        active = self._active()
        if active and self.spec["concurrencyPolicy"] == "Forbid":
            words = "Not starting job because prior execution is running and concurrency policy is Forbid"
            return self._event("Normal", "JobAlreadyActive", words)
        if self.spec["concurrencyPolicy"] == "Replace":
            for job in active:
                self._delete(job)
        self._create(due)

    def _create(self, due: float) -> None:
        template = copy.deepcopy(self.spec["jobTemplate"])
        kept, zone = (
            template.get("metadata") or {},
            Schedule.parse("@hourly", self.spec.get("timeZone", "")).zone,
        )
        moment = datetime.fromtimestamp(due, zone).isoformat().replace("+00:00", "Z")
        made = {
            "name": f"{self.meta['name']}-{int(due // 60)}",
            "labels": kept.get("labels") or {},
            "annotations": (kept.get("annotations") or {}) | {_SCHEDULED: moment},
            "ownerReferences": [owner_reference(self.own)],
        }
        body = {"metadata": made, "spec": template["spec"]}
        try:
            job = self.registry.create(JOBS, self.meta["namespace"], body, manager=COMPONENT)
        except ApiError as error:
            if error.code != 409:  # made before, in the same minute or by a server that died
                self._event("Warning", "FailedCreate", f"Error creating job: {error}")
                raise
        else:
            self.jobs.append(job)
            self._event("Normal", "SuccessfulCreate", f"Created job {job['metadata']['name']}")
        self.status["lastScheduleTime"] = times.text(due)

    def _tell(self) -> None:
        status = self.status | {"active": [_reference(one) for one in self._active()]}

        def change(obj: Obj) -> None:
            obj["status"] = {name: value for name, value in status.items() if value}

        place = (CRON_JOBS, self.meta["namespace"], self.meta["name"])
        self.registry.mutate(*place, change, subresource="status", manager=COMPONENT)


def _reference(job: Obj) -> Obj:
    meta = job["metadata"]
    named = {"kind": "Job", "apiVersion": "batch/v1", "namespace": meta["namespace"], "name": meta["name"]}
    return named | {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
