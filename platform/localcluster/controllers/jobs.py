"""The Job controller: pods until enough have succeeded, too many failed, time is up, or the Job is suspended.

Each look at a Job reads it and its pods and does what is missing. A finished pod is counted once, however
often the server dies: its uid goes into status.uncountedTerminatedPods, then its finalizer is taken off, and
only a uid whose pod has no finalizer any more becomes a number. (Indexed Jobs keep a set, completedIndexes.)
"""

import time
from collections.abc import Iterable
from typing import Any

from localcluster import indexes, times
from localcluster.backoff import Backoff
from localcluster.status import ApiError

from . import jobindexes, jobpods, podfailure
from .children import Children, Key, is_owned
from .conditions import condition, is_true, put_condition
from .runner import Controller

Obj = dict[str, Any]
COMPONENT = "job-controller"
CREATE_AT_ONCE = 50
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
TOO_MANY = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
# Told even where they say nothing.
EVEN_ZERO = ("ready", "terminating", "uncountedTerminatedPods", "failedIndexes")
TOO_LONG = ("DeadlineExceeded", "Job was active longer than specified deadline")


class JobController(Controller):
    resources = ("jobs.batch", "pods")

    def __init__(self, registry: Any, backoff: Backoff) -> None:
        super().__init__(registry)
        self.backoff = backoff
        self._pods = Children(registry, "pods", "Job")

    def keys(self, event: Any) -> Iterable[Key]:
        if event.resource == "jobs.batch":
            yield event.object["metadata"]["namespace"], event.object["metadata"]["name"]
        elif key := self._pods.note(event):
            yield key

    def reconcile(self, key: Key) -> float | None:
        try:
            job = self.registry.get("jobs.batch", *key)
        except ApiError:
            self._release(self._pods.of_all(key))
            return None
        every, uid = self._pods.of_all(key), job["metadata"]["uid"]
        pods = [one for one in every if is_owned(one, uid)]
        self._release([one for one in every if not is_owned(one, uid)])  # of an earlier Job of this name
        if job["metadata"].get("deletionTimestamp"):
            self._release(pods)
            return None
        if job["spec"].get("managedBy") not in (None, "kubernetes.io/job-controller"):
            return None
        try:
            return JobLook(self.registry, job, pods, self.backoff).act()
        finally:  # the events of those just made are still to come
            for pod in pods:
                self._pods.add(key, pod)

    def _release(self, pods: list[Obj]) -> None:
        """The Job is going or gone: nobody will count its pods any more."""
        for pod in pods:
            if jobpods.tracked(pod):
                release(self.registry, pod)


def release(registry: Any, pod: Obj) -> None:
    """Takes the Job's finalizer off a pod; one that is gone already needs none taken off."""

    def change(current: Obj) -> None:
        kept = [one for one in current["metadata"].get("finalizers") or [] if one != jobpods.FINALIZER]
        current["metadata"]["finalizers"] = kept

    try:
        registry.mutate(
            "pods", pod["metadata"]["namespace"], pod["metadata"]["name"], change, manager=COMPONENT
        )
    except ApiError as error:
        if error.code != 404:
            raise
    pod["metadata"]["finalizers"] = []


class JobLook:
    """One look at one Job and its pods, as they are now; `status` is what the Job's status will be."""

    def __init__(self, registry: Any, job: Obj, pods: list[Obj], backoff: Backoff) -> None:
        self.registry, self.job, self.pods, self.backoff = registry, job, pods, backoff
        self.spec: Obj = job["spec"]
        self.status: Obj = job.setdefault("status", {})
        self.indexed = self.spec.get("completionMode") == "Indexed"
        self.held: dict[int, Obj] = {}  # failed pods whose index is to be tried again, since `_count`
        self.events: list[tuple[str, str, str]] = []

    # -- the whole ----------------------------------------------------------------------------------

    def act(self) -> float | None:
        """Does what is missing; seconds until the next look that only time asks for, or None."""
        self._count()
        if is_true(self.job, "Complete") or is_true(self.job, "Failed"):
            self._write()
            return None
        self._follow_suspension()
        wait = self._decide()
        if self._is_ending():
            self._end()
        elif self.spec.get("suspend"):
            self._delete([one for one in self.pods if jobpods.active(one)])
        else:
            wait = _sooner(wait, self._manage())
        self._write()
        return wait

    def _write(self) -> None:
        """The new status, then its events: a status that is not news tells none."""
        active = [one for one in self.pods if jobpods.active(one)]
        gone = [one for one in self.pods if jobpods.terminating(one)]
        self.status["active"] = len(active)
        self.status["ready"] = sum(jobpods.ready(one) for one in active)
        self.status["terminating"] = len(gone)
        self._save()
        for kind, reason, message in self.events:
            self.registry.event(self.job, kind, reason, message, COMPONENT)

    def _save(self) -> None:
        meta, status = self.job["metadata"], self.status

        def change(job: Obj) -> None:
            if job["metadata"]["uid"] == meta["uid"]:
                job["status"] = {key: value for key, value in status.items() if value or key in EVEN_ZERO}

        self.registry.mutate(
            "jobs.batch", meta["namespace"], meta["name"], change, subresource="status", manager=COMPONENT
        )

    # -- counting -----------------------------------------------------------------------------------

    def _count(self) -> None:
        """Every finished pod exactly once; see the module's first words."""
        finished = [one for one in self.pods if self._is_uncounted(one)]
        if self.indexed:
            self._note_indexes({jobpods.index_of(one) for one in finished if jobpods.succeeded(one)})
        fresh = self._without_held(finished)
        uncounted = self.status.setdefault("uncountedTerminatedPods", {})
        known = {uid for uids in uncounted.values() for uid in uids}
        news = False
        for pod in fresh:
            uid = pod["metadata"]["uid"]
            if self.indexed and jobpods.succeeded(pod):
                news = True
            elif uid not in known and self._counts(pod):
                uncounted.setdefault("succeeded" if jobpods.succeeded(pod) else "failed", []).append(uid)
                news = True
        if news:
            self._save()
        for pod in fresh:
            release(self.registry, pod)
        self._promote(uncounted)

    def _without_held(self, finished: list[Obj]) -> list[Obj]:
        """The pods to count now: not those that are held until their successor is there."""
        if jobindexes.have_limits(self.job) and not self._is_ending():
            self.held = jobindexes.held(self.job, self.pods)
        waiting = {one["metadata"]["uid"] for one in self.held.values()}
        return [one for one in finished if one["metadata"]["uid"] not in waiting]

    def _note_indexes(self, new: set[int]) -> None:
        """Puts the `new` ones to those that are done, and notes those that have failed for good."""
        done = jobindexes.done(self.job) | new
        valid = {index for index in done if 0 <= index < self.spec["completions"]}
        self.status["completedIndexes"] = indexes.text(valid)
        self.status["succeeded"] = len(valid)
        if jobindexes.have_limits(self.job) and not self._is_ending():  # else its own deletions would count
            self.status["failedIndexes"] = indexes.text(jobindexes.fail(self.job, self.pods, valid))

    def _is_uncounted(self, pod: Obj) -> bool:
        return jobpods.tracked(pod) and (jobpods.succeeded(pod) or jobpods.failed(pod, self.job))

    def _counts(self, pod: Obj) -> bool:
        if self.indexed and not jobindexes.is_asked(self.job, pod):
            return False
        return jobpods.succeeded(pod) or podfailure.judge(self.job, pod).action != "Ignore"

    def _promote(self, uncounted: Obj) -> None:
        """A uid becomes a number once its pod can no longer be taken for an uncounted one."""
        pending = {one["metadata"]["uid"] for one in self.pods if jobpods.tracked(one)}
        for word in ("succeeded", "failed"):
            uids = uncounted.pop(word, [])
            left = [uid for uid in uids if uid in pending]
            self.status[word] = self.status.get(word, 0) + len(uids) - len(left)
            if left:
                uncounted[word] = left

    # -- deciding -----------------------------------------------------------------------------------

    def _follow_suspension(self) -> None:
        known = condition(self.job, "Suspended")
        if self.spec.get("suspend"):
            if not is_true(self.job, "Suspended"):
                self._put("Suspended", "True", "JobSuspended", "Job suspended")
                self.events.append(("Normal", "Suspended", "Job suspended"))
            self.status.pop("startTime", None)
        elif known and known["status"] == "True":
            self._put("Suspended", "False", "JobResumed", "Job resumed")
            self.events.append(("Normal", "Resumed", "Job resumed"))
            self.status["startTime"] = times.now()
        else:
            self.status.setdefault("startTime", times.now())

    def _put(self, kind: str, status: str, reason: str, message: str) -> None:
        put_condition(self.status, {"type": kind, "status": status, "reason": reason, "message": message})

    def _decide(self) -> float | None:
        """Writes down that the Job is to fail or has succeeded; else seconds until its deadline."""
        if self._is_ending():
            return None
        if why := self._failure():
            self._put("FailureTarget", "True", *why)
        elif met := jobindexes.success(self.job):
            self._put("SuccessCriteriaMet", "True", *met)
        elif self._reached():
            self._put("SuccessCriteriaMet", "True", *REACHED)
        elif self._deadline() is not None:
            return max(0.0, (self._deadline() or 0.0) - time.time())
        return None

    def _is_ending(self) -> bool:
        return bool(condition(self.job, "FailureTarget") or condition(self.job, "SuccessCriteriaMet"))

    def _failure(self) -> tuple[str, str] | None:
        """Reason and message when the Job has failed."""
        for pod in self.pods:
            if jobpods.phase(pod) == "Failed":
                match = podfailure.judge(self.job, pod)
                if match.action == "FailJob":
                    return "PodFailurePolicy", match.message
        limit = self.spec.get("backoffLimit", 6)
        if self.status.get("failed", 0) > limit or self._restarted_too_often(limit):
            return TOO_MANY
        deadline = self._deadline()
        if deadline is not None and time.time() >= deadline:
            return TOO_LONG
        return jobindexes.failure(self.job) if jobindexes.have_limits(self.job) else None

    def _restarted_too_often(self, limit: int) -> bool:
        """With restartPolicy OnFailure a pod fails inside: its restarts count."""
        if self.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
            return False
        total = sum(jobpods.restarts(one) for one in self.pods if jobpods.active(one))
        return total > 0 if limit == 0 else total >= limit

    def _deadline(self) -> float | None:
        seconds, started = self.spec.get("activeDeadlineSeconds"), self.status.get("startTime")
        if seconds is None or not started or self.spec.get("suspend"):
            return None
        return times.parse(started) + seconds

    def _reached(self) -> bool:
        completions, done = self.spec.get("completions"), self.status.get("succeeded", 0)
        if completions is not None:
            return done >= completions
        return done > 0 and not any(jobpods.active(one) or jobpods.terminating(one) for one in self.pods)

    def _end(self) -> None:
        """Ends what still runs; the last condition comes when nothing does."""
        active = [one for one in self.pods if jobpods.active(one)]
        self._delete(active, counted=True)
        if any(
            jobpods.active(one) or jobpods.terminating(one) or self._is_uncounted(one) for one in self.pods
        ):
            return
        success, failure = condition(self.job, "SuccessCriteriaMet"), condition(self.job, "FailureTarget")
        if success:
            self._put("Complete", "True", success["reason"], success["message"])
            self.status["completionTime"] = times.now()
            self.events.append(("Normal", "Completed", "Job completed"))
        elif failure:
            self._put("Failed", "True", failure["reason"], failure["message"])
            self.events.append(("Warning", failure["reason"], failure["message"]))

    # -- the number of pods -------------------------------------------------------------------------

    def _manage(self) -> float | None:
        """Makes or takes back pods; seconds until back-off lets a failed one be replaced."""
        self._delete(self._extra([one for one in self.pods if jobpods.active(one)]))
        active = [one for one in self.pods if jobpods.active(one)]
        wanted = self._wanted(len(active))
        held = self.spec.get("podReplacementPolicy") == "Failed"
        leaving = [one for one in self.pods if held and jobpods.terminating(one)]
        missing = wanted - len(active) - len(leaving)
        if missing <= 0:
            return None
        waits = self._index_waits()
        if not jobindexes.have_limits(self.job) and (wait := self._back_off()) > 0:
            return wait
        taken = {*waits, *map(jobpods.index_of, [*active, *leaving])}
        made = self._create(min(missing, CREATE_AT_ONCE), taken)
        return 0.0 if made == CREATE_AT_ONCE and missing > made else min(waits.values(), default=None)

    def _wanted(self, active: int) -> int:
        """How many pods should be active."""
        parallelism, completions = self.spec.get("parallelism", 1), self.spec.get("completions")
        done = self.status.get("succeeded", 0)
        if completions is not None:
            return max(0, min(parallelism, completions - done - len(jobindexes.failed(self.job))))
        return min(active, parallelism) if done else parallelism

    def _extra(self, active: list[Obj]) -> list[Obj]:
        """Active pods that should not be: a second for an index, one for an index that is done, too many."""
        extra, keep = [], []
        taken = jobindexes.done(self.job) | jobindexes.failed(self.job)
        for pod in sorted(active, key=lambda one: one["metadata"]["creationTimestamp"]):
            index = jobpods.index_of(pod)
            if self.indexed and (index in taken or not 0 <= index < self.spec["completions"]):
                extra.append(pod)
                continue
            taken.add(index)
            keep.append(pod)
        surplus = max(0, len(keep) - self._wanted(len(keep)))
        return extra + sorted(keep, key=jobpods.expendable_first)[:surplus]

    def _back_off(self) -> float:
        """Seconds until a new pod may be made, after the failures since the last success or resume."""
        since = times.parse(self.status["startTime"])
        wins = [jobpods.finished_at(one) for one in self.pods if jobpods.succeeded(one)]
        since = max([since, *wins])
        losses = [jobpods.finished_at(one) for one in self.pods if jobpods.phase(one) == "Failed"]
        now = time.time()
        losses = [moment for moment in losses if since <= moment <= now]  # none of a clock that was set back
        if not losses:
            return 0.0
        return max(0.0, max(losses) + self.backoff.delay(len(losses)) - now)

    def _index_waits(self) -> dict[int, float]:
        """Indexes that have failed and are not to be tried again yet: seconds until they may be."""
        now, waits = time.time(), {}
        for index, pod in self.held.items():
            delay = self.backoff.delay(jobindexes.tries(pod) + 1)
            waits[index] = min(delay, jobpods.finished_at(pod) + delay - now)  # a clock may be set back
        return {index: wait for index, wait in waits.items() if wait > 0}

    def _create(self, count: int, taken: set[int]) -> int:
        """Makes up to `count` pods, those of an Indexed Job for indexes that are not `taken`; how many."""
        meta, limits = self.job["metadata"], jobindexes.have_limits(self.job)
        wanted = self._free_indexes(count, taken) if self.indexed else [None] * count
        for index in wanted:
            noted = jobindexes.carried(self.job, self.held.get(index)) if limits and index is not None else {}
            made = jobpods.make(self.job, index, noted)
            pod = self.registry.create("pods", meta["namespace"], made, manager=COMPONENT)
            self.pods.append(pod)
            self.events.append(("Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}"))
        return len(wanted)

    def _free_indexes(self, count: int, taken: set[int]) -> list[int]:
        taken = taken | jobindexes.done(self.job) | jobindexes.failed(self.job)
        free = (index for index in range(self.spec["completions"]) if index not in taken)
        return [index for index, _ in zip(free, range(count), strict=False)]

    def _delete(self, pods: list[Obj], counted: bool = False) -> None:
        """Deletes; the Job's own wish is no failure of the pod, unless the Job ends (`counted`)."""
        for pod in pods:
            meta = pod["metadata"]
            if not counted:
                release(self.registry, pod)
            try:
                deleted = self.registry.delete("pods", meta["namespace"], meta["name"])
            except ApiError as error:
                if error.code != 404:
                    raise
                deleted = {"metadata": {"deletionTimestamp": times.now()}}
            meta["deletionTimestamp"] = deleted["metadata"].get("deletionTimestamp") or times.now()
            self.events.append(("Normal", "SuccessfulDelete", f"Deleted pod: {meta['name']}"))


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((wait for wait in (one, other) if wait is not None), default=None)
