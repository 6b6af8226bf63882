"""How the tools of a workload were found to be: starting until they first answer, then ready or silent.

Read by pages from the row; written by who asks the tools (`runyard.connect.probing`) through `found` alone.
"""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from workloads import transitions
from workloads.models import Workload
from workloads.tools import Tool, load


class Answering(TextChoices):
    """What was never found to answer since the workload began to run is starting."""

    STARTING = "starting", "Starting"
    READY = "ready", "Ready"
    SILENT = "silent", "Not answering"


@dataclass(frozen=True, slots=True)
class ToolState:
    """One tool as it was found, in the pod of uid `pod`; `since` is ISO 8601.

    `words` say why it does not answer and are hostile.
    """

    state: str
    since: str
    words: str = ""
    pod: str = ""

    @property
    def since_at(self) -> Any:
        return parse_datetime(self.since)


def state_of(workload: Workload, tool: Tool) -> ToolState | None:
    """None where nobody has asked it yet."""
    found = workload.tool_states.get(tool.name)
    return ToolState(**found) if found else None


def shown(workload: Workload) -> list[tuple[Tool, ToolState | None]]:
    """The tools of `workload` in their order, each with how it was found."""
    return [(tool, state_of(workload, tool)) for tool in load(workload.tools)]


def found(workload: Workload, tool: Tool, words: str, pod: str = "") -> ToolState:
    """Keep that `tool` answers (no `words`) or why it does not; who looks on is told where that is new.

    What was found in another pod says nothing of this one.
    """
    with transaction.atomic():
        row = Workload.objects.select_for_update(of=("self",)).only("tool_states", "version", "project_id")
        locked, now = row.filter(pk=workload.pk).first(), timezone.now().isoformat()
        before = _of_pod(pod, state_of(locked, tool)) if locked else None
        state = _next(before, words)
        if locked is None:  # deleted meanwhile: nothing to keep
            return ToolState(state, now, words, pod)
        if before is not None and (before.state, before.words) == (state, words):
            return before
        since = before.since if before and before.state == state else now
        after = ToolState(state, since, words, pod)
        locked.tool_states[tool.name] = asdict(after)
        locked.version += 1
        locked.save(update_fields=["tool_states", "version"])
        transitions.announce([locked])
    return after


def forget(workload: Workload) -> None:
    """It does not run any more: what was found says nothing of its next run."""
    Workload.objects.filter(pk=workload.pk).exclude(tool_states={}).update(tool_states={})


def _of_pod(pod: str, state: ToolState | None) -> ToolState | None:
    return state if state and state.pod == pod else None


def _next(before: ToolState | None, words: str) -> str:
    if not words:
        return Answering.READY
    return Answering.STARTING if before is None or before.state == Answering.STARTING else Answering.SILENT
