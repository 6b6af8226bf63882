"""Which container of a pod is meant, and whether there is anything of it yet, in Kubernetes' words. Pure."""

from __future__ import annotations

from typing import Any

from localcluster.status import bad_request

Obj = dict[str, Any]


def container(pod: Obj, asked: str) -> str:
    """The name of the one that is meant: the one asked for, or the only one there is. ApiError 400."""
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


def check_running(pod: Obj) -> None:
    """400 for a pod in which nothing can be started, or reached."""
    phase, name = (pod.get("status") or {}).get("phase"), pod["metadata"]["name"]
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {name} does not have a host assigned")


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
