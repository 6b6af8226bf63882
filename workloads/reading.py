"""Turns decoded Kubernetes objects into the fields of our rows. Pure.

The facts are the object's own; nothing is looked up and no clock is read.
"""

from datetime import datetime
from typing import Any

from django.db.models import Model

from runyard.clusters import objects
from workloads import amounts
from workloads.belonging import belonging, role
from workloads.data_sources import data_sources
from workloads.gpu_groups import gpu_groups, reserves
from workloads.kinds.kind import Facts, Kind
from workloads.tools import declared

MOST = 2**31 - 1  # what PostgreSQL holds of other numbers
_BIG = frozenset(amounts.FIELDS)


def workload_fields(kind: Kind, root: Any) -> dict[str, Any]:
    """The columns of a Workload row that its root object decides; `news_of` makes them storable."""
    facts: Facts = kind.facts(root)
    meta: objects.Meta = root.metadata
    pods = facts.pods_requested
    asked = amounts.asked(facts.template.spec, facts.template.metadata.annotations)
    return {
        "resource_version": meta.resource_version,
        "generation": meta.generation,
        "suspended": facts.suspended,
        "terminal": facts.terminal,
        "terminal_reason": facts.terminal_reason[:63],
        "terminal_message": facts.terminal_message,
        "terminating_at": meta.deletion_timestamp,
        "finalizers": list(meta.finalizers or ()),
        "image": facts.image[:1024],
        **{name: each * pods for name, each in asked.items()},
        **belonging(kind, meta, facts.template),
        "architecture": facts.architecture,
        "pods_requested": pods,
        "runs_requested": facts.runs_requested,
        "retries": facts.retries,
        "data_sources": data_sources(facts.template),
        "tools": [tool.dump() for tool in declared(facts.template.metadata.annotations)],
        "completed_at": facts.completed_at,
        "created_at": meta.creation_timestamp,
    }


def pod_fields(pod: objects.Pod) -> dict[str, Any]:
    """The columns of a Pod row; `news_of` makes them storable."""
    found = objects.conditions(pod.status)
    scheduled = found.get("PodScheduled")
    statuses = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    ended = [s.state.terminated for s in statuses if s.state and s.state.terminated]
    reason, message, code = _trouble(pod, statuses, scheduled)
    owner = pod.metadata.controller
    asked = amounts.asked(pod.spec, pod.metadata.annotations)
    groups = gpu_groups(pod.metadata.labels)
    return {
        "owner_uid": owner.uid if owner else "",
        "namespace": pod.metadata.namespace,
        "name": pod.metadata.name,
        "resource_version": pod.metadata.resource_version,
        "node": pod.spec.node_name or "",
        "phase": pod.status.phase or "Pending",
        "ready": bool((ready := found.get("Ready")) and ready.status == "True"),
        "scheduled": bool(pod.spec.node_name) or bool(scheduled and scheduled.status == "True"),
        "reason": reason[:63],
        "message": message,
        "role": role(pod.metadata),
        "exit_code": code,
        "restarts": sum(status.restart_count for status in statuses),
        "containers": [_container(c, statuses, init=False) for c in pod.spec.containers]
        + [_container(c, statuses, init=True) for c in pod.spec.init_containers or ()],
        **asked,
        "gpu_groups": groups,
        "reserves_gpu": reserves(groups, asked["gpu_millis"], pod.metadata.annotations),
        "created_at": pod.metadata.creation_timestamp,
        "scheduled_at": scheduled.last_transition_time if scheduled and scheduled.status == "True" else None,
        "started_at": pod.status.start_time,
        "running_at": _running_at(pod),
        "finished_at": max((t.finished_at for t in ended if t.finished_at), default=None)
        if pod.status.phase in ("Succeeded", "Failed")
        else None,
        "terminating_at": pod.metadata.deletion_timestamp,
    }


def _running_at(pod: objects.Pod) -> datetime | None:
    """When the last of its main containers began to run; None while one has not."""
    states = [status.state for status in pod.status.container_statuses or () if status.state]
    ran = [
        ran.started_at for state in states if (ran := state.running or state.terminated) and ran.started_at
    ]
    return max(ran) if ran and len(ran) == len(pod.spec.containers) else None


def _trouble(
    pod: objects.Pod, statuses: list[objects.ContainerStatus], scheduled: objects.Condition | None
) -> tuple[str, str, int | None]:
    """(reason, message, exit code) of what holds the pod back or ended it; empty when all is well."""
    for status in statuses:
        state = status.state
        if state and state.terminated and state.terminated.exit_code:
            ended = _own_end(status, state.terminated)
            why = pod.status.reason or ended.reason or "Error"
            return why, ended.message or pod.status.message or "", ended.exit_code
        if state and state.waiting and state.waiting.reason:
            last = status.last_state.terminated if status.last_state else None
            return state.waiting.reason, state.waiting.message or "", last.exit_code if last else None
    if pod.status.reason:
        return pod.status.reason, pod.status.message or "", None
    if scheduled and scheduled.status == "False":
        return scheduled.reason or "", scheduled.message or "", None
    return "", "", None


def _own_end(status: objects.ContainerStatus, ended: objects.Terminated) -> objects.Terminated:
    """How it failed by itself, where it was only killed in the end (a crash loop that was given up)."""
    last = status.last_state.terminated if status.last_state else None
    killed = ended.exit_code in (137, 143) and ended.reason != "OOMKilled"
    return last if killed and last is not None and last.exit_code else ended


def _container(
    container: objects.Container, statuses: list[objects.ContainerStatus], *, init: bool
) -> dict[str, Any]:
    status = next((s for s in statuses if s.name == container.name), None)
    state = status.state if status else None
    return {
        "name": container.name,
        "image": container.image,
        "init": init,
        "restarts": status.restart_count if status else 0,
        "state": "running"
        if state and state.running
        else "terminated"
        if state and state.terminated
        else "waiting",
        "previous": bool(status and status.last_state and status.last_state.terminated),
        "reason": _reason(state)[:63],
        "memory_limit": amounts.memory_limit(container),
        "cpu_limit": amounts.cpu_limit(container),
    }


def _reason(state: objects.ContainerState | None) -> str:
    told = state and (state.terminated or state.waiting)
    return (told and told.reason) or ""


def event_fields(event: objects.Event) -> dict[str, Any]:
    """The columns of an Event row; both the old and the events.k8s.io spelling of times and source."""
    regarding = event.involved_object
    series = event.series
    first = event.first_timestamp or event.event_time or event.metadata.creation_timestamp
    last = event.last_timestamp or (series and series.last_observed_time) or event.event_time or first
    return storable(
        {
            "resource_version": event.metadata.resource_version,
            "namespace": (event.metadata.namespace or regarding.namespace)[:63],
            "regarding_uid": regarding.uid[:64],
            "regarding_kind": regarding.kind[:63],
            "regarding_name": regarding.name[:253],
            "type": (event.type or "Normal")[:20],
            "reason": (event.reason or "")[:128],
            "message": event.message or "",
            "source": ((event.source and event.source.component) or event.reporting_component or "")[:128],
            "count": (series and series.count) or event.count or 1,
            "first_at": first,
            "last_at": last,
        }
    )


def news_of(row: Model, fields: dict[str, Any]) -> dict[str, Any]:
    """What of `fields`, as it can be stored, `row` does not say yet."""
    had = vars(row)
    if had["id"] is None:
        return storable(fields)
    news = storable({name: value for name, value in fields.items() if had[name] != value})
    return {name: value for name, value in news.items() if had[name] != value}


def storable(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields`, made into what PostgreSQL can hold: text without NUL, numbers within its columns."""
    for name, value in fields.items():
        kind = type(value)  # thousands of objects come here at once, and next to none needs a change
        if kind is str:
            if "\0" in value:
                fields[name] = value.replace("\0", "")
        elif kind is int:
            most = amounts.MOST if name in _BIG else MOST
            if not -most <= value <= most:
                fields[name] = max(-most, min(value, most))
        elif kind is list or kind is dict:
            fields[name] = _inside(value)
    return fields


def _inside(value: Any) -> Any:
    """The same of what lists and JSON hold, where every number may be large."""
    kind = type(value)
    if kind is str:
        return value.replace("\0", "") if "\0" in value else value
    if kind is list:
        return [_inside(item) for item in value]
    if kind is dict:
        return {key: _inside(item) for key, item in value.items()}
    return max(-amounts.MOST, min(value, amounts.MOST)) if kind is int else value
