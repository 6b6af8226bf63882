"""GET pods/NAME/log: what may be asked of which container, in Kubernetes' words. The node reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from localcluster.logoptions import LogOptions
from localcluster.query import flag, number
from localcluster.status import bad_request, invalid
from localcluster.validation import Problems

Obj = dict[str, Any]
PodLogs = Callable[[str, str, str, LogOptions], AsyncIterator[bytes]]


def options(params: Mapping[str, str]) -> LogOptions:
    """The log options of a query string; ApiError 400 or 422."""
    asked = LogOptions(
        follow=flag(params, "follow"),
        tail_lines=number(params, "tailLines"),
        since_time=_moment(params.get("sinceTime", "")),
        since_seconds=number(params, "sinceSeconds"),
        timestamps=flag(params, "timestamps"),
        previous=flag(params, "previous"),
        limit_bytes=number(params, "limitBytes"),
    )
    problems = Problems()
    problems.at_least("tailLines", asked.tail_lines, 0)
    for name, value in (("limitBytes", asked.limit_bytes), ("sinceSeconds", asked.since_seconds)):
        if value is not None and value < 1:
            problems.invalid(name, value, "must be greater than 0")
    if asked.since_time is not None and asked.since_seconds is not None:
        problems.forbidden("sinceTime", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    if problems.causes:
        raise invalid("PodLogOptions", "", "", problems.causes)
    return asked


def container(pod: Obj, asked: str) -> str:
    """The container whose log is meant: the one asked for, or the only one there is."""
    name = pod["metadata"]["name"]
    mains = [one["name"] for one in pod["spec"]["containers"]]
    inits = [one["name"] for one in pod["spec"].get("initContainers") or []]
    if asked:
        if asked not in mains + inits:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(mains) == 1:
        return mains[0]
    words = f"a container name must be specified for pod {name}, choose one of: [{' '.join(mains)}]"
    raise bad_request(words + (f" or one of the init containers: [{' '.join(inits)}]" if inits else ""))


def check_started(pod: Obj, name: str, previous: bool) -> None:
    """400 for a container that has no log yet, or no earlier run when that was asked."""
    where = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    status = _status_of(pod, name)
    if status is None:
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        raise bad_request(f"{where} is waiting to start: ContainerCreating")
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated")
    if previous and not last:
        raise bad_request(f"previous terminated {where} not found")
    if "waiting" in state and not last:
        reason = (state["waiting"] or {}).get("reason", "")
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            raise bad_request(f"{where} is waiting to start: trying and failing to pull image")
        raise bad_request(f"{where} is waiting to start: {reason}")


def _status_of(pod: Obj, name: str) -> Obj | None:
    status = pod.get("status") or {}
    every = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((one for one in every if one.get("name") == name), None)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f'sinceTime: Invalid value: "{text[:80]}": must be an RFC 3339 time') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
