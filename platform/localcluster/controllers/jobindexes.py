"""The indexes of an Indexed Job that has limits for each, or says when enough are done. Pure.

How often its index has failed before stands in a pod's annotations, and the next pod carries it on: so the
last failed pod of an index is held (its finalizer stays) until its successor is there. Used by the job
controller.
"""

from collections.abc import Iterable
from typing import Any

from localcluster import indexes

from . import jobpods, podfailure

Obj = dict[str, Any]
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
HAS_FAILED = ("FailedIndexes", "Job has failed indexes")
TOO_MANY = ("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")


def have_limits(job: Obj) -> bool:
    """Whether each index may fail for itself."""
    return job["spec"].get("backoffLimitPerIndex") is not None


def done(job: Obj) -> set[int]:
    return _of(job, "completedIndexes")


def failed(job: Obj) -> set[int]:
    """Those that will not be tried again."""
    return _of(job, "failedIndexes")


def _of(job: Obj, key: str) -> set[int]:
    return indexes.parse(job["status"].get(key, ""), job["spec"].get("completions") or 0)


def is_asked(job: Obj, pod: Obj) -> bool:
    """Whether its index is one of the Job's: none is that was cut off, nor a pod's that has no good one."""
    return 0 <= jobpods.index_of(pod) < job["spec"]["completions"]


def fail(job: Obj, pods: Iterable[Obj], finished: set[int]) -> set[int]:
    """All that have failed for good by now, none of them `finished` (done)."""
    lost = [one for one in pods if jobpods.tracked(one) and jobpods.failed(one, job)]
    found = {jobpods.index_of(one) for one in lost if is_asked(job, one) and _is_last(job, one)}
    return (failed(job) | found) - finished


def _is_last(job: Obj, pod: Obj) -> bool:
    action = podfailure.judge(job, pod).action
    if action in ("FailIndex", "Ignore"):
        return action == "FailIndex"
    return _count(pod, FAILURES) >= job["spec"]["backoffLimitPerIndex"]


def held(job: Obj, pods: list[Obj]) -> dict[int, Obj]:
    """The last failed pod of each index that is to be tried again and has no pod yet."""
    settled = done(job) | failed(job) | {jobpods.index_of(one) for one in pods if jobpods.active(one)}
    found: dict[int, Obj] = {}
    for pod in sorted(pods, key=tries):
        index = jobpods.index_of(pod)
        waits = is_asked(job, pod) and index not in settled
        if waits and jobpods.tracked(pod) and jobpods.failed(pod, job):
            found[index] = pod
    return found


def tries(pod: Obj) -> int:
    """How often its index has failed before it."""
    return _count(pod, FAILURES) + _count(pod, IGNORED)


def carried(job: Obj, before: Obj | None) -> dict[str, str]:
    """The annotations of an index's next pod, after `before` failed."""
    if before is None:
        return {FAILURES: "0"}
    ignored = podfailure.judge(job, before).action == "Ignore"
    counts = {FAILURES: _count(before, FAILURES) + (not ignored), IGNORED: _count(before, IGNORED) + ignored}
    return {key: str(count) for key, count in counts.items() if count or key == FAILURES}


def _count(pod: Obj, key: str) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0


def failure(job: Obj) -> tuple[str, str] | None:
    """Why the Job has failed by its indexes: reason and message."""
    most, lost = job["spec"].get("maxFailedIndexes"), len(failed(job))
    if most is not None and lost > most:
        return TOO_MANY
    return HAS_FAILED if lost and lost + len(done(job)) >= job["spec"]["completions"] else None


def success(job: Obj) -> tuple[str, str] | None:
    """Reason and message where a rule of its successPolicy is met."""
    finished = done(job)
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or []):
        named, count = rule.get("succeededIndexes"), rule.get("succeededCount")
        asked = finished if named is None else indexes.parse(named, job["spec"]["completions"])
        if len(finished & asked) >= (len(asked) if count is None else count):
            return "SuccessPolicy", f"Matched rules at index {number}"
    return None
