"""Removes finished Jobs whose ttlSecondsAfterFinished is over."""

import time
from collections.abc import Iterable
from typing import Any

from localcluster import times
from localcluster.status import ApiError

from .runner import Controller

Obj = dict[str, Any]


def finished_at(job: Obj) -> float | None:
    """Seconds since the epoch; None while the job goes on."""
    for one in (job.get("status") or {}).get("conditions") or []:
        if one["type"] in ("Complete", "Failed") and one["status"] == "True":
            return times.parse(one["lastTransitionTime"])
    return None


class TimeToLive(Controller):
    resources = ("jobs.batch",)

    def keys(self, event: Any) -> Iterable[tuple[str, str]]:
        if event.type != "DELETED" and event.object["spec"].get("ttlSecondsAfterFinished") is not None:
            yield event.object["metadata"]["namespace"], event.object["metadata"]["name"]

    def reconcile(self, key: tuple[str, str]) -> float | None:
        try:
            job = self.registry.get("jobs.batch", *key)
        except ApiError:
            return None
        ttl, finished = job["spec"].get("ttlSecondsAfterFinished"), finished_at(job)
        if ttl is None or finished is None or job["metadata"].get("deletionTimestamp"):
            return None
        left = finished + ttl - time.time()
        if left > 0:
            return left
        uid = {"uid": job["metadata"]["uid"]}
        self.registry.delete("jobs.batch", *key, propagation="Foreground", preconditions=uid)
        return None
