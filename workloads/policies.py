"""Which actions a workload's phase and kind allow, and why not, in words.

Pure; rights are asked of `runyard.tenancy.access`.
"""

from workloads.kinds import KINDS
from workloads.models import Verb, Workload
from workloads.status import Desired, Phase


class Refused(Exception):
    """The workload's state or kind does not allow it; the message says why, in words."""


def refusal(verb: str, workload: Workload) -> str:
    """Why `verb` cannot be done to `workload` now; empty when it can."""
    return _RULES[Verb(verb)](workload)


def _stop(workload: Workload) -> str:
    if workload.kind not in KINDS or not KINDS[workload.kind].stop:
        return f"A {workload.kind} cannot be stopped; delete it instead."
    if workload.phase in (Phase.STOPPED, Phase.STOPPING) or workload.desired == Desired.STOPPED:
        return "It is stopped already."
    return _ended(workload)


def _run(workload: Workload) -> str:
    if workload.kind not in KINDS or not KINDS[workload.kind].run:
        return f"A {workload.kind} cannot be run again; copy it instead."
    ended = _ended(workload)
    if ended:
        return ended
    return (
        "" if workload.desired == Desired.STOPPED else "It is running already; only stopped ones can be run."
    )


def _delete(workload: Workload) -> str:
    if workload.deleted_at:
        return "It is deleted already."
    return "It is being deleted already." if workload.desired == Desired.DELETED else ""


def _ended(workload: Workload) -> str:
    if workload.deleted_at or workload.desired == Desired.DELETED or workload.terminating_at:
        return "It is deleted."
    if workload.phase == Phase.COMPLETED:
        return "It has completed; copy it to run it again."
    if workload.phase == Phase.FAILED:
        return "It has failed; copy it to try again."
    return ""


_RULES = {Verb.CREATE: lambda _: "", Verb.STOP: _stop, Verb.RUN: _run, Verb.DELETE: _delete}
