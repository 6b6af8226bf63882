"""Finds what was said about one workload that waits, or failed, and picks what explains it best.

Read are schedulers' own objects, the pods' conditions and states, and events of root, pods and groups
(docs/why-pending.md).
Used by the workload's page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from workloads import queries
from workloads.endings import ending, said
from workloads.fit import Room
from workloads.models import Event, Pod, Workload
from workloads.phases import active
from workloads.status import Phase, Reason
from workloads.waiting.queued import explained, held, without_queue
from workloads.waiting.rules import Explanation, Told, short
from workloads.waiting.told import explain

MOST_TOLD, MOST_EVENTS, MOST_PODS, LONGEST = 5, 60, 200, 10_000
_LATE = timedelta(seconds=10)  # clusters' clocks and ours may differ
_GROUPS = ("PodGroup", "Workload")
_SCHEDULING = (
    "FailedScheduling", "Unschedulable", "NotTriggerScaleUp", "TriggeredScaleUp", "NotReady", "Pending",
    "FailedBinding", "SchedulingGated", "WaitingForQuota", "NoMatchingFlavor", "ExceedsMaxQuota", "Preempted",
    "TopologyPlacementFailed", "WaitingForPreemptedWorkloads", "Inadmissible", "Evict", "Stopped",
)  # fmt: skip
_STARTING = ("Pulling", "Pulled")
_NOT_STARTED = frozenset({"StartError", "ContainerCannotRun"})
_NEVER = "As it is it never starts: ask for less per pod, or have a larger node added."
_TAKEN = "Run it again; with a higher backoffLimit it is tried again by itself."
_CRASHED = frozenset({"CrashLoopBackOff", "Error", "OOMKilled"})


@dataclass(frozen=True, slots=True)
class Source:
    """A message as it was given, at most LONGEST characters of it; `left_out` more were cut off."""

    by: str
    reason: str
    message: str
    at: datetime | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Why:
    """`title` is the question, `words` the answer in one sentence; the rest may be empty."""

    title: str
    words: str
    step: str
    room: str
    sources: list[Source]


_TITLES = {
    Phase.FAILED: "Why it failed",
    Phase.DEGRADED: "Why it is degraded",
    Phase.RUNNING: "Why not all pods are ready",
    Phase.STOPPED: "Why it is stopped",
}
_ASKED = {Phase.CREATING, Phase.PENDING, Phase.INITIALIZING, Phase.RESUMING, *_TITLES}


def why(user: Any, workload: Workload, pods: Sequence[Pod]) -> Why | None:
    """Why `workload`, whose pods are all of `pods`, waits or failed; None where there is nothing to say."""
    phase = Phase(workload.phase)
    if workload.deleted_at or phase not in _ASKED:
        return None
    if phase == Phase.RUNNING and workload.reason != Reason.NOT_READY:
        return None
    if phase == Phase.STOPPED and not workload.queueing.get("says"):  # somebody stopped it
        return None
    if phase == Phase.FAILED:
        return _failed(user, workload, pods)
    waiting = [pod for pod in active(pods) if not pod.ready]
    queued = _queued(workload, waiting)
    found = _each_once(
        [
            *queued,
            *map(_of_pod, _telling(waiting)),
            *map(_of_event, _events(user, workload, waiting, told=bool(queued))),
        ]
    )
    answer = _answer([(found[0][0], held(workload.queueing["says"])), *found] if queued else found)
    unplaced = any(not pod.scheduled for pod in waiting)
    if answer is None and unplaced:
        answer = without_queue(workload.queueing)
    if answer is None:
        return None
    answer, room = _with_room(workload, waiting, answer)
    return Why(_TITLES.get(phase, "Why it waits"), _sentence(answer.words), answer.step, room, _few(found))


def _failed(user: Any, workload: Workload, pods: Sequence[Pod]) -> Why | None:
    failed = [pod for pod in pods if pod.phase == "Failed"]
    pod = max(failed, key=lambda one: one.finished_at or one.created_at, default=None)
    sources = [_source_of(pod)] if pod else []
    if workload.terminal_message:
        message, left_out = _bounded(workload.terminal_message)
        sources.append(Source("cluster", workload.terminal_reason, message, workload.completed_at, left_out))
    late = workload.terminal_reason == Reason.DEADLINE
    taken = _taken(user, workload, pod) if pod and not late else None
    if taken:
        sources.insert(0, taken[0])
    answer = (taken[1] if taken else _end_of(pod) if pod and not late else None) or _refusal(workload)
    return Why(_TITLES[Phase.FAILED], _sentence(answer.words), answer.step, "", sources) if answer else None


def _taken(user: Any, workload: Workload, pod: Pod) -> "Found | None":
    """Which scheduler took `pod` from its node for another, of which its exit code says nothing."""
    by_kai = Q(reason="Evict", message__startswith=f"Pod {workload.namespace}/{pod.name} ")
    since = Q(last_at__gte=pod.created_at - _LATE)  # one of its name went before it; and it ends the search
    event = (
        queries.visible_events(user, workload)
        .filter(since, by_kai & Q(regarding_kind="PodGroup") | Q(reason="Preempted", regarding_uid=pod.uid))
        .first()
    )
    if event is None:
        return None
    source, known = _of_event(event)
    words = known.words if known else source.message
    return source, Explanation(short(f"its pod {pod.name} was taken from its node: {words}"), _TAKEN)


def _end_of(pod: Pod) -> Explanation | None:
    """How `pod` ended; one whose command could not be started says why in its message."""
    end = ending(pod)
    if end is None:
        return None
    known = explain(Told(pod.name, pod.reason, pod.message)) if pod.reason in _NOT_STARTED else None
    if pod.exit_code is None:
        return Explanation(f"its pod {pod.name}: {end.words}", end.step)
    words = f"{pod.exit_code}: {known.words}" if known else said(pod)
    return Explanation(f"its pod {pod.name} ended with {words}", known.step if known else end.step)


def _refusal(workload: Workload) -> Explanation | None:
    """What the cluster said of the whole; the words beside the phase where nobody knows them."""
    known = explain(Told("cluster", workload.terminal_reason, workload.terminal_message))
    return known or (Explanation(workload.why) if workload.why else None)


def _queued(workload: Workload, waiting: Sequence[Pod]) -> list["Found"]:
    """What its scheduler's own object says, while it holds it or none of its pods has a node."""
    says = workload.queueing.get("says", ())
    if any(pod.scheduled for pod in waiting):
        return []
    tries = [(_source_of_try(say), None) for say in says if say.get("again")]
    return [*((_source_of_say(say), explained(say)) for say in says), *tries]


def _source_of_say(say: Mapping[str, Any]) -> Source:
    message, left_out = _bounded(say["message"])
    by = f"{say['by']}, check {say['check']}" if say.get("check") else say["by"]
    return Source(by, say["reason"], message, parse_datetime(say["at"]), left_out)


def _source_of_try(say: Mapping[str, Any]) -> Source:
    again = say["again"]
    told = {"count": again["count"], "requeueAt": again["at"]}
    return Source(
        say["by"], "requeueState", ", ".join(f"{name}: {value}" for name, value in told.items() if value)
    )


def _each_once(found: Iterable["Found"]) -> list["Found"]:
    """The first of those that say the same."""
    once: dict[tuple[str, str], Found] = {}
    for one in found:
        once.setdefault((one[0].reason, one[0].message), one)
    return [*once.values()]


def _telling(pods: Iterable[Pod]) -> list[Pod]:
    """Those that say something, those without a node first, each message once."""
    found: dict[tuple[str, str], Pod] = {}
    for pod in sorted(pods, key=lambda one: one.scheduled):
        if pod.reason or pod.message:
            found.setdefault((pod.reason, pod.message), pod)
    return [*found.values()][:MOST_TOLD]


Found = tuple[Source, Explanation | None]


def _of_pod(pod: Pod) -> Found:
    if pod.reason in _CRASHED and (end := ending(pod)):
        step = f"{end.step} It is started again by itself after a pause, longer each time."
        return _source_of(pod), Explanation(f"it crashed with {said(pod)}", step)
    if pod.reason == "PodInitializing":
        return _source_of(pod), Explanation(
            "its init containers run first", "It goes on when they end.", general=True
        )
    return _source_of(pod), explain(Told(pod.name, pod.reason, pod.message))


def _source_of(pod: Pod) -> Source:
    message, left_out = _bounded(pod.message)
    return Source(f"pod {pod.name}", pod.reason, message, None, left_out)


def _of_event(event: Event) -> Found:
    message, left_out = _bounded(event.message)
    source = Source(event.source or "cluster", event.reason, message, event.last_at, left_out)
    return source, explain(Told(event.source, event.reason, event.message))


def _events(user: Any, workload: Workload, waiting: Sequence[Pod], *, told: bool) -> list[Event]:
    """What was said lately about what it waits for, newest first, each message once.

    `told`: a scheduler's own object says what is true now, so what was said about it no longer counts.
    """
    unplaced = [pod.uid for pod in waiting if not pod.scheduled][:MOST_PODS]
    placed = [pod.uid for pod in waiting if pod.scheduled][:MOST_PODS]
    scheduling = Q(reason__in=_SCHEDULING)
    about = Q(regarding_uid__in=unplaced) & (scheduling | Q(type="Warning"))
    about |= Q(regarding_uid__in=placed) & (Q(reason__in=_STARTING) | Q(type="Warning") & ~scheduling)
    if unplaced or not waiting:
        lately = Q(last_at__gte=workload.phase_at - _LATE)
        if not told:
            about |= Q(regarding_kind__in=_GROUPS) & scheduling & lately
        about |= Q(regarding_kind="Workload", reason="AdmissionCheckRejected") & lately
        about |= Q(regarding_uid=workload.uid or "-") & (Q(type="Warning") | Q(reason="Stopped")) & lately
    rows = queries.visible_events(user, workload).filter(about)[:MOST_EVENTS]
    return _once(_unpulled(rows))


def _unpulled(events: Iterable[Event]) -> list[Event]:
    """Without what was said about pulling an image that is there by now."""
    there: set[str] = set()
    kept = []
    for event in events:
        if event.reason == "Pulled":
            there.add(event.regarding_uid)
        elif not (event.regarding_uid in there and event.reason in ("Pulling", "Failed", "BackOff")):
            kept.append(event)
    return kept


def _once(events: Iterable[Event]) -> list[Event]:
    found: dict[tuple[str, str], Event] = {}
    for event in events:
        found.setdefault((event.reason, event.message), event)
    return [*found.values()]


def _answer(found: Sequence[Found]) -> Explanation | None:
    """The first that says something special, or that says anything; else a message as it is."""
    known = [explanation for _, explanation in found if explanation]
    if known:
        return next((one for one in known if not one.general), known[0])
    return next((Explanation(short(source.message)) for source, _ in found if source.message), None)


def _with_room(workload: Workload, waiting: Iterable[Pod], answer: Explanation) -> tuple[Explanation, str]:
    """`answer`, with what would have to be free; another where no node, even empty, could take it."""
    unplaced = [pod for pod in waiting if not pod.scheduled]
    largest = max(unplaced, key=lambda pod: (pod.gpu_millis, pod.memory_bytes, pod.cpu_millis), default=None)
    if not answer.room or largest is None:
        return answer, ""
    room = Room(workload.cluster_id)
    if never := room.too_much(largest):
        return Explanation(never, _NEVER), ""
    return answer, room.short_of(largest)


def _few(found: Sequence[Found]) -> list[Source]:
    """What explains first, as few as one likes to read."""
    ordered = sorted(found, key=lambda one: one[1] is None or one[1].general)
    return [source for source, _ in ordered if source.message or source.reason][:MOST_TOLD]


def _sentence(words: str) -> str:
    text = short(words)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "…", "!", "?")) else ".")


def _bounded(message: str) -> tuple[str, int]:
    return message[:LONGEST], max(0, len(message) - LONGEST)
