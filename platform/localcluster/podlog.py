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


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f'sinceTime: Invalid value: "{text[:80]}": must be an RFC 3339 time') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
