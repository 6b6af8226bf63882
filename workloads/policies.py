"""Which actions a workload's phase and kind allow, and why not, in words.

Pure; rights are asked of `runyard.tenancy.access`.
"""

from dataclasses import dataclass

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


def refusal(verb: Verb, workload: Workload) -> Refusal | None:
    """Why `verb` cannot be done to `workload` now; None when it can."""
    return _RULES[verb](workload)


def loses(verb: Verb, workload: Workload) -> bool:
    """Whether something is lost: by deleting always, by stopping what runs."""
    return verb == Verb.DELETE or (verb == Verb.STOP and workload.phase in _RUNNING)


_STOPPED = Refusal("It is already stopped.", "already stopped")
_STOPPING = Refusal("It is already stopping.", "already stopping")
_RUNS = Refusal("It is already running; only what is stopped can be run.", "already running")
_STARTS = Refusal("It is already starting; only what is stopped can be run.", "already starting")
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
    return _ended(workload, "Copy it to run it again.")


_NO_TOOLS = Refusal("It has no tools to connect to.", "without tools")
_NO_DOMAIN = Refusal(
    "Tools need a domain of their own; whoever runs this sets RUNYARD_TOOLS_DOMAIN.", "without a domain"
)


def _stop(workload: Workload) -> Refusal | None:
    if workload.kind not in KINDS or not KINDS[workload.kind].stop:
        return Refusal(
            f"A {workload.kind} cannot be stopped; delete it instead.", "of a kind that cannot be stopped"
        )
    if workload.phase == Phase.STOPPED:
        return _STOPPED
    if workload.phase == Phase.STOPPING or workload.desired == Desired.STOPPED:
        return _STOPPING
    return _ended(workload, "There is nothing left to stop.")


def _run(workload: Workload) -> Refusal | None:
    if workload.kind not in KINDS or not KINDS[workload.kind].run:
        return Refusal(
            f"A {workload.kind} cannot be run again; copy it instead.", "of a kind that cannot be run again"
        )
    if ended := _ended(workload, "Copy it to run it again."):
        return ended
    if workload.desired == Desired.STOPPED:
        return None
    return _RUNS if workload.phase in _RUNNING else _STARTS


def _delete(workload: Workload) -> Refusal | None:
    if workload.deleted_at:
        return _DELETED
    return _DELETING if workload.desired == Desired.DELETED else None


def _ended(workload: Workload, advice: str) -> Refusal | None:
    """The refusal of what can neither stop nor run any more."""
    if workload.deleted_at:
        return _DELETED
    if workload.desired == Desired.DELETED or workload.terminating_at:
        return _DELETING
    if workload.phase == Phase.COMPLETED:
        return Refusal(f"It has completed. {advice}", "completed")
    if workload.phase == Phase.FAILED:
        return Refusal(f"It has failed. {advice}", "failed")
    return None


_RULES = {Verb.CREATE: lambda _: None, Verb.STOP: _stop, Verb.RUN: _run, Verb.DELETE: _delete}
