"""Why a log has no lines, until when it is kept, in words, and what to do next. Used by the log's page."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from workloads.models import Pod
from workloads.status import TERMINAL

NO_POD = "There is no pod yet, and so no log. It appears here by itself when the first pod starts."
BUFFERED = (
    "Programs may hold their output back for a while: Python does unless it runs with -u or with"
    " PYTHONUNBUFFERED=1."
)


@dataclass(frozen=True)
class Silence:
    """`words` say why; `see` names the tab that tells more, or is empty."""

    words: str
    see: str = ""


def kept_until(pod: Pod, days: int) -> str:
    """For how long a log that has ended can be read; empty while it is written, or when that is over."""
    ended = pod.finished_at or pod.gone_at
    until = ended + timedelta(days=days) if ended else None
    return f"Kept until {until:%-d %B %Y}." if until and until > timezone.now() else ""


def of_workload(workload: Any) -> Silence:
    """Where there is no pod."""
    if workload.deleted_at:
        return Silence("It was deleted before it had a pod, and so it never wrote a log.", "events")
    if workload.phase in TERMINAL:
        return Silence("It has ended, and no pod of it is known: there is no log.", "overview")
    return Silence(NO_POD, "overview")


def of_container(
    pod: Pod,
    container: str,
    *,
    previous: bool = False,
    error: str = "",
    total: int = 0,
    days: int = 0,
    over: bool = False,
) -> Silence:
    """Where the container wrote nothing, or its `total` lines cannot be had (any more, or for an `error`).

    `over`: it is known to write no more, whatever the row of the pod says by now.
    """
    state: dict[str, Any] = next((one for one in pod.containers if one["name"] == container), {})
    kind, reason = state.get("state", ""), state.get("message") or state.get("reason") or ""
    ended = bool(pod.gone_at) or pod.phase in ("Succeeded", "Failed")
    if ended and not total and not previous and kind in ("", "waiting") and not _ever_ran(pod):
        return Silence("It ended before its container started, and so it wrote nothing.", "events")
    if error:
        return Silence(error, "events")
    if total:
        limit = f"for {days or settings.LOG_DAYS} days, and while the project has room"
        return Silence(f"Its {total:,} lines are not kept any more: logs are kept {limit}.", "events")
    if previous:
        return Silence("The run before the restart wrote nothing.", "events")
    if pod.exit_code is not None and (kind == "terminated" or pod.finished_at or ended):
        return Silence(f"It ended without writing anything, with exit code {pod.exit_code}.", "events")
    if kind == "terminated" or ended or over:
        return Silence("It ended without writing anything.", "events")
    if kind == "running":
        return Silence(f"It runs, and has written nothing yet. {BUFFERED}")
    because = f" ({reason})" if reason else ""
    return Silence(
        f"The container has not started yet{because}. Its lines appear here by themselves.", "events"
    )


def _ever_ran(pod: Pod) -> bool:
    return bool(pod.running_at) or pod.exit_code is not None
