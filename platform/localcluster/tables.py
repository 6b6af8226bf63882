"""Objects as tables, for clients that ask for them (`Accept: ...;as=Table`), as `kubectl get` does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from localcluster import jsonpaths, times
from localcluster.kinds import schemas, storage
from localcluster.resources import Kind

Obj = dict[str, Any]
Column = tuple[str, Callable[[Obj], Any], int]  # its title, its cell, and 0, or 1 where it is for `-o wide`


def is_wanted(request: Request) -> bool:
    """Whether the client would rather have a table."""
    return "as=Table" in request.headers.get("accept", "").partition(",")[0]


def of_one(kind: Kind, body: bytes) -> bytes:
    """The table of one object."""
    obj = msgspec.json.decode(body)
    return msgspec.json.encode(_table(kind, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]}))


def of_list(kind: Kind, body: bytes) -> bytes:
    """The table of a whole list, or of a page of it."""
    found = msgspec.json.decode(body)
    return msgspec.json.encode(_table(kind, found["items"], found["metadata"]))


async def of_events(kind: Kind, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The events of a watch, each with a table of its object; those about the watch itself as they are."""
    async for several in lines:
        for line in several.splitlines():
            event = msgspec.json.decode(line)
            if event["type"] not in ("BOOKMARK", "ERROR"):
                event["object"] = _table(kind, [event["object"]], {})
            yield msgspec.json.encode(event) + b"\n"


def _table(kind: Kind, objects: Iterable[Obj], metadata: Obj) -> Obj:
    columns = COLUMNS.get(kind.key) or _defined(kind.columns) or _PLAIN
    definitions = [_definition(*column) for column in columns]
    for definition, said in zip(definitions[1:], kind.columns, strict=False):  # the first is the name
        definition |= {name: said[name] for name in ("type", "format", "description") if name in said}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": [_row(columns, obj) for obj in objects],
    }


def _defined(columns: Sequence[Obj]) -> tuple[Column, ...]:
    """Those that the definition of a custom resource asks for, after the name."""
    told = [(one["name"], _told(_path(one["jsonPath"]), one["type"]), one.get("priority", 0))
            for one in columns]  # fmt: skip
    return (_NAME, *told) if told else ()


def _path(text: str) -> Callable[[Any], list[Any]]:
    """What is at a path; nothing for one that was stored before paths were checked."""
    try:
        return jsonpaths.parse(text)
    except ValueError:
        return lambda obj: []


def _told(at: Callable[[Any], list[Any]], type_: str) -> Callable[[Obj], Any]:
    """The cell with the first that is at a path; None where it is of another type."""

    def cell(obj: Obj) -> Any:
        value = next(iter(at(obj)), None)
        if value is None or type_ == "string":
            return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
        if type_ == "date":
            return ago(value) if isinstance(value, str) else "<invalid>"
        return value if schemas.is_of(value, type_) else None

    return cell


def _definition(title: str, cell: Callable[[Obj], Any], priority: int) -> Obj:
    style = {"type": "string", "format": "name" if title == "Name" else "", "description": ""}
    return {"name": title, "priority": priority, **style}


def _row(columns: Sequence[Column], obj: Obj) -> Obj:
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return {"cells": [cell(obj) for _, cell, _ in columns], "object": partial}


def ago(moment: str | None) -> str:
    """How long ago in the two largest units, as kubectl says it."""
    try:
        return _duration(time.time() - times.parse(moment or ""))
    except ValueError:  # clients write those of events
        return "<unknown>"


def _duration(seconds: float) -> str:
    left = max(0, int(seconds))
    minutes, hours, days = left // 60, left // 3600, left // 86400
    if left < 120:
        return f"{left}s"
    if minutes < 10:
        return f"{minutes}m{left % 60}s" if left % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if days < 2:
        return f"{hours}h"
    return f"{days}d{hours % 24}h" if days < 8 and hours % 24 else f"{days}d"


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Obj) -> str:
    return ago(obj["metadata"].get("creationTimestamp"))


def _of(*path: str, otherwise: Any = "") -> Callable[[Obj], Any]:
    """The cell with what is at `path`."""

    def cell(obj: Obj) -> Any:
        found: Any = obj
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found or otherwise

    return cell


# pods


def _statuses(pod: Obj, which: str = "containerStatuses") -> list[Obj]:
    return pod.get("status", {}).get(which) or []


def _ready(pod: Obj) -> str:
    ready = sum(bool(one.get("ready")) for one in _statuses(pod))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _restarts(pod: Obj) -> int:
    return sum(one.get("restartCount", 0) for one in _statuses(pod))


def _pod_status(pod: Obj) -> str:
    """The phase, or the reason that tells more."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = pod.get("status", {})
    return _initializing(pod) or _of_containers(pod) or status.get("reason") or status.get("phase", "Unknown")


def _initializing(pod: Obj) -> str:
    every = _statuses(pod, "initContainerStatuses")
    for index, one in enumerate(every):
        state = one.get("state") or {}
        ended, waits = state.get("terminated"), (state.get("waiting") or {}).get("reason", "")
        if (ended and not ended.get("exitCode")) or one.get("started"):
            continue
        reason = _ended(ended) if ended else waits if waits != "PodInitializing" else ""
        return f"Init:{reason or f'{index}/{len(every)}'}"
    return ""


def _of_containers(pod: Obj) -> str:
    reasons, running = [], False
    for one in _statuses(pod):
        state = one.get("state") or {}
        running = running or "running" in state
        if state.get("waiting"):
            reasons.append(state["waiting"].get("reason", ""))
        elif state.get("terminated"):
            reasons.append(_ended(state["terminated"]))
    found = next((reason for reason in reasons if reason), "")
    return "Running" if found == "Completed" and running else found


def _ended(terminated: Obj) -> str:
    return terminated.get("reason") or f"ExitCode:{terminated.get('exitCode', 0)}"


# others


def _conditions(obj: Obj) -> dict[str, str]:
    """Their states, by type."""
    every = obj.get("status", {}).get("conditions") or []
    return {one.get("type", ""): one.get("status", "") for one in every}


def _node_status(node: Obj) -> str:
    ready = {"True": "Ready", "False": "NotReady"}.get(_conditions(node).get("Ready", ""), "Unknown")
    return f"{ready},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else ready


def _fraction(obj: Obj) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


_SHORT_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(*path: str) -> Callable[[Obj], str]:
    """Access modes as everybody shortens them."""
    modes = _of(*path, otherwise=())
    return lambda obj: ",".join(_SHORT_MODES.get(one, one) for one in modes(obj))


def _claimed_by(volume: Obj) -> str:
    reference = volume["spec"].get("claimRef")
    return f"{reference.get('namespace', '')}/{reference.get('name', '')}" if reference else ""


def _class_name(storage_class: Obj) -> str:
    marks = storage_class["metadata"].get("annotations") or {}
    return f"{_name(storage_class)}{' (default)' if marks.get(storage.IS_DEFAULT) == 'true' else ''}"


def _job_status(job: Obj) -> str:
    told = _conditions(job)
    return next((word for word in ("Complete", "Failed", "Suspended") if told.get(word) == "True"), "Running")


def _last_schedule(cron_job: Obj) -> str:
    moment = cron_job.get("status", {}).get("lastScheduleTime")
    return ago(moment) if moment else "<none>"


def _completions(job: Obj) -> str:
    wanted = job["spec"].get("completions")
    shown = wanted if wanted is not None else f"1 of {job['spec'].get('parallelism', 1)}"
    return f"{job.get('status', {}).get('succeeded', 0)}/{shown}"


def _job_duration(job: Obj) -> str:
    status = job.get("status", {})
    if not status.get("startTime"):
        return ""
    until = times.parse(status["completionTime"]) if status.get("completionTime") else time.time()
    return _duration(until - times.parse(status["startTime"]))


def _data(obj: Obj) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


def _ports(service: Obj) -> str:
    every = service["spec"].get("ports") or []
    return ",".join(f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in every) or "<none>"


def _controller(obj: Obj) -> str:
    """What an object belongs to, as `kubectl get` names it."""
    owner = next((one for one in obj["metadata"].get("ownerReferences") or [] if one.get("controller")), None)
    if owner is None:
        return "<none>"
    group = owner["apiVersion"].rpartition("/")[0]
    return f"{owner['kind'].lower()}{f'.{group}' if group else ''}/{owner['name']}"


def _regarding(event: Obj) -> str:
    about = event.get("involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _last_seen(event: Obj) -> str:
    return ago(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp"))


_NAME, _AGE, _STATUS = ("Name", _name, 0), ("Age", _age, 0), ("Status", _of("status", "phase"), 0)
_PLAIN: tuple[Column, ...] = (_NAME, _AGE)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "pods": (
        _NAME,
        ("Ready", _ready, 0),
        ("Status", _pod_status, 0),
        ("Restarts", _restarts, 0),
        _AGE,
        ("IP", _of("status", "podIP", otherwise="<none>"), 1),
        ("Node", _of("spec", "nodeName", otherwise="<none>"), 1),
    ),
    "nodes": (
        _NAME,
        ("Status", _node_status, 0),
        _AGE,
        ("Version", _of("status", "nodeInfo", "kubeletVersion"), 0),
    ),
    "namespaces": (_NAME, _STATUS, _AGE),
    "configmaps": (_NAME, ("Data", _data, 0), _AGE),
    "secrets": (_NAME, ("Type", _of("type"), 0), ("Data", _data, 0), _AGE),
    "services": (
        _NAME,
        ("Type", _of("spec", "type"), 0),
        ("Cluster-IP", _of("spec", "clusterIP", otherwise="<none>"), 0),
        ("Port(s)", _ports, 0),
        _AGE,
    ),
    "events": (
        ("Last Seen", _last_seen, 0),
        ("Type", _of("type"), 0),
        ("Reason", _of("reason"), 0),
        ("Object", _regarding, 0),
        ("Message", _of("message"), 0),
    ),
    "jobs.batch": (
        _NAME,
        ("Status", _job_status, 0),
        ("Completions", _completions, 0),
        ("Duration", _job_duration, 0),
        _AGE,
    ),
    "cronjobs.batch": (
        _NAME,
        ("Schedule", _of("spec", "schedule"), 0),
        ("Timezone", _of("spec", "timeZone", otherwise="<none>"), 0),
        ("Suspend", lambda cron_job: str(cron_job["spec"].get("suspend", False)), 0),
        ("Active", lambda cron_job: len(cron_job.get("status", {}).get("active") or []), 0),
        ("Last Schedule", _last_schedule, 0),
        _AGE,
    ),
    "deployments.apps": (
        _NAME,
        ("Ready", _fraction, 0),
        ("Up-to-date", _of("status", "updatedReplicas", otherwise=0), 0),
        ("Available", _of("status", "availableReplicas", otherwise=0), 0),
        _AGE,
    ),
    "statefulsets.apps": (_NAME, ("Ready", _fraction, 0), _AGE),
    "controllerrevisions.apps": (
        _NAME,
        ("Controller", _controller, 0),
        ("Revision", _of("revision", otherwise=0), 0),
        _AGE,
    ),
    storage.CLAIMS: (
        _NAME,
        _STATUS,
        ("Volume", _of("spec", "volumeName"), 0),
        ("Capacity", _of("status", "capacity", "storage"), 0),
        ("Access Modes", _modes("status", "accessModes"), 0),
        ("StorageClass", _of("spec", "storageClassName"), 0),
        _AGE,
    ),
    storage.VOLUMES: (
        _NAME,
        ("Capacity", _of("spec", "capacity", "storage"), 0),
        ("Access Modes", _modes("spec", "accessModes"), 0),
        ("Reclaim Policy", _of("spec", "persistentVolumeReclaimPolicy"), 0),
        _STATUS,
        ("Claim", _claimed_by, 0),
        ("StorageClass", _of("spec", "storageClassName"), 0),
        _AGE,
    ),
    storage.CLASSES: (
        ("Name", _class_name, 0),
        ("Provisioner", _of("provisioner"), 0),
        ("ReclaimPolicy", _of("reclaimPolicy"), 0),
        ("VolumeBindingMode", _of("volumeBindingMode"), 0),
        _AGE,
    ),
    "replicasets.apps": (
        _NAME,
        ("Desired", _of("spec", "replicas", otherwise=0), 0),
        ("Current", _of("status", "replicas", otherwise=0), 0),
        ("Ready", _of("status", "readyReplicas", otherwise=0), 0),
        _AGE,
    ),
}
