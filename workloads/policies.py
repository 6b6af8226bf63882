"""Which actions a workload's phase and kind allow, and why not, in words.

Pure; rights are asked of `runyard.tenancy.access`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

from workloads.kinds import KINDS
from workloads.models import Verb, Workload
from workloads.status import Desired, Phase

_RUNNING = frozenset({Phase.RUNNING, Phase.DEGRADED})


class Refused(Exception):
    """The workload's state or kind does not allow it; the message says why, in words."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action cannot be done: as a sentence about one, and short, to stand behind a number.

    "It is already stopped." and "2 of 5 already stopped". `code` is what programs are told.
    """

    sentence: str
    short: str
    code: str = "Refused"

    def __str__(self) -> str:
        return self.sentence


class State(NamedTuple):
    """All of a workload that decides what can be done to it."""

    kind: str
    phase: str
    desired: str
    deleted: bool
    ending: bool
    followed: bool

    @classmethod
    def of(cls, row: Workload) -> "State":
        ending, followed = bool(row.terminating_at), bool(row.cluster.kubeconfig)
        return cls(row.kind, row.phase, row.desired, bool(row.deleted_at), ending, followed)


def refusal(verb: Verb, workload: Workload) -> Refusal | None:
    """Why `verb` cannot be done to `workload` now; None when it can."""
    return _rule(verb, State.of(workload))


def refusals(workload: Workload) -> dict[str, Refusal | None]:
    """`refusal` of each verb that is for what is there."""
    return _refusals(State.of(workload))


@lru_cache(1000)
def _refusals(now: State) -> dict[str, Refusal | None]:
    return {verb.value: _rule(verb, now) for verb in (Verb.STOP, Verb.RUN, Verb.DELETE)}


def _rule(verb: Verb, now: State) -> Refusal | None:
    return _RULES[verb](now) if now.followed else _ONLY_SHOWN


def loses(verb: Verb, workload: Workload) -> bool:
    """Whether something is lost: by deleting always, by stopping what runs."""
    return verb == Verb.DELETE or (verb == Verb.STOP and workload.phase in _RUNNING)


_STOPPED = Refusal("It is already stopped.", "already stopped")
_STOPPING = Refusal("It is already stopping.", "already stopping")
_RUNS = Refusal("It is already running; only what is stopped can be run.", "already running")
_STARTS = Refusal("It is already starting; only what is stopped can be run.", "already starting")
_ONLY_SHOWN = Refusal(
    "It is demo data: there is no cluster behind it.", "demo data, with no cluster behind it"
)
_DELETED = Refusal("It is deleted.", "deleted")
_DELETING = Refusal("It is already being deleted.", "already being deleted")


def connecting(workload: Workload) -> Refusal | None:
    """Why no tool of `workload` can be opened now; one that is still to start can be waited for."""
    if not workload.tools:
        return _NO_TOOLS
    if not settings.TOOLS_DOMAIN:
        return _NO_DOMAIN
    if workload.phase in (Phase.STOPPED, Phase.STOPPING):
        return Refusal("It is stopped; run it first.", "stopped")
    return _ended(State.of(workload), "Copy it to run it again.")


_NO_TOOLS = Refusal("It has no tools to connect to.", "without tools")
_NO_DOMAIN = Refusal(
    "Tools need a domain of their own; whoever runs this sets RUNYARD_TOOLS_DOMAIN.", "without a domain"
)


def _stop(now: State) -> Refusal | None:
    if now.kind not in KINDS or not KINDS[now.kind].stop:
        return Refusal(
            f"A {now.kind} cannot be stopped; delete it instead.", "of a kind that cannot be stopped"
        )
    if now.phase == Phase.STOPPED:
        return _STOPPED
    if now.phase == Phase.STOPPING or now.desired == Desired.STOPPED:
        return _STOPPING
    return _ended(now, "There is nothing left to stop.")


def _run(now: State) -> Refusal | None:
    if now.kind not in KINDS or not KINDS[now.kind].run:
        return Refusal(
            f"A {now.kind} cannot be run again; copy it instead.", "of a kind that cannot be run again"
        )
    if ended := _ended(now, "Copy it to run it again."):
        return ended
    if now.desired == Desired.STOPPED:
        return None
    return _RUNS if now.phase in _RUNNING else _STARTS


def _delete(now: State) -> Refusal | None:
    if now.deleted:
        return _DELETED
    return _DELETING if now.desired == Desired.DELETED else None


def _ended(now: State, advice: str) -> Refusal | None:
    """The refusal of what can neither stop nor run any more."""
    if now.deleted:
        return _DELETED
    if now.desired == Desired.DELETED or now.ending:
        return _DELETING
    if now.phase == Phase.COMPLETED:
        return Refusal(f"It has completed. {advice}", "completed")
    if now.phase == Phase.FAILED:
        return Refusal(f"It has failed. {advice}", "failed")
    return None


_RULES = {Verb.CREATE: lambda _: None, Verb.STOP: _stop, Verb.RUN: _run, Verb.DELETE: _delete}
