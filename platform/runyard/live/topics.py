"""What can be watched, and the right each topic needs. A topic that is not here does not exist.

Default deny: `resolve` answers with what a person may watch, or raises Denied, alike for what is
forbidden and what is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runyard.sync.freshness import freshness
from runyard.tenancy.access import Denied, Rights, forget_rules, may, readable_projects, rights_of
from workloads.models import Pod, Workload

NOT_THERE = "There is no such thing, or you may not watch it."


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a topic comes to for one person: hub topics to listen to, or a container's log.

    `rights`, where rows can be drawn for it: for all who have the same, and hear the same, alike.
    """

    hints: frozenset[str] = frozenset()
    log: tuple[Pod, str] | None = None
    rights: Rights | None = None


def workload_hints(user: Any) -> frozenset[str]:
    """The hub topics of everything `user` may see: one per project, and that of what is in none."""
    projects = {str(pk) for pk in readable_projects(user).values_list("pk", flat=True)}
    if user.is_superuser:
        projects.add("0")
    return frozenset(f"workloads:{pk}" for pk in projects)


def _workloads(user: Any, name: str) -> Subscription:
    """Everything the person may see. Has no name of its own."""
    hints, rights = workload_hints(user), rights_of([user.pk]).get(user.pk)
    if name or not hints or rights is None:
        raise Denied(NOT_THERE)
    return Subscription(hints, rights=rights)


def _workload(user: Any, name: str) -> Subscription:
    workload = Workload.objects.select_related("project").filter(pk=_number(name)).first()
    if workload is None or not may(user, "read", workload):
        raise Denied(NOT_THERE)
    return Subscription(frozenset({f"workload:{workload.pk}"}))


def _log(user: Any, name: str) -> Subscription:
    pk, _, container = name.partition("/")
    pod = Pod.objects.select_related("workload__project", "cluster").filter(pk=_number(pk)).first()
    if pod is None or pod.workload is None or not may(user, "read_logs", pod.workload):
        raise Denied(NOT_THERE)
    if container not in {found["name"] for found in pod.containers}:
        raise Denied(NOT_THERE)
    return Subscription(log=(pod, container))


def _clusters(user: Any, name: str) -> Subscription:
    if name or not freshness(user):
        raise Denied(NOT_THERE)
    return Subscription(frozenset({"clusters"}))


TOPICS: dict[str, Callable[[Any, str], Subscription]] = {
    "workloads": _workloads,
    "workload": _workload,
    "log": _log,
    "clusters": _clusters,
}


def resolve(user: Any, topic: str) -> Subscription:
    """What `user` may watch under `topic`, asked of the database each time. Raises Denied."""
    kind, _, name = topic.partition(":")
    if kind not in TOPICS:
        raise Denied(NOT_THERE)
    forget_rules(user)
    user.refresh_from_db(fields=["is_active", "is_superuser"])
    return TOPICS[kind](user, name)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
