"""The range of time that a workload's charts are about, from their address: a preset, or two moments.

`from` and `to` are as everywhere: moments, or "6h" for six hours ago; `from=start` is since the first pod.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from metrics.question import MOST_DAYS, grid_of, range_of
from runyard.kit.pages import iso
from workloads.models import Pod, Workload

SINCE_START, USUAL_PRESET = "start", "1h"
LEAST, USUAL = timedelta(minutes=2), timedelta(hours=1)
#: As they stand in the address, and as people read them.
PRESETS = (
    ("15m", "15 min", timedelta(minutes=15)),
    ("1h", "1 h", timedelta(hours=1)),
    ("6h", "6 h", timedelta(hours=6)),
    ("1d", "24 h", timedelta(days=1)),
    ("7d", "7 d", timedelta(days=7)),
    ("30d", "30 d", timedelta(days=30)),
)


@dataclass(frozen=True, slots=True)
class Preset:
    """One choice of a range: its words, its `from` and `to` in an address, whether it is the one shown."""

    label: str
    since: str
    until: str | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Span:
    """`live`: its end is now, and goes on. `ended`: when the last pod did, if all of them did."""

    start: datetime
    end: datetime
    live: bool
    ended: datetime | None
    presets: list[Preset]


def span_of(params: Mapping[str, str], workload: Workload, pods: Sequence[Pod]) -> Span:
    """What `params` ask for; nothing: the last hour of what runs, all the life of what is young or has ended.

    Raises `question.BadQuestion`.
    """
    now, ended = timezone.now().replace(microsecond=0), _ended(pods)
    since, until = params.get("from", ""), params.get("to", "")
    begun = min((pod.scheduled_at or pod.created_at for pod in pods), default=workload.created_at)
    if not since and not until:
        since = SINCE_START if ended or now - begun < USUAL else USUAL_PRESET
    if since == SINCE_START:
        start, end = _life(begun, ended, now)
    else:
        start, end = range_of(since, until)
        grid_of(start, end, 1)  # refuses what no source could be asked
    live = not ended and not until
    return Span(start, end, live, ended, _presets(since, until, ended))


def _ended(pods: Sequence[Pod]) -> datetime | None:
    ends = [pod.finished_at or pod.gone_at for pod in pods]
    known = [end for end in ends if end]
    return max(known) if known and len(known) == len(ends) else None


def _life(begun: datetime, ended: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """With what was measured right before and after a short life; what goes on ends now."""
    end = ended or now
    first = max(min(begun, end), end - timedelta(days=MOST_DAYS - 1))
    if end - first >= LEAST:
        return first, end
    return (first - LEAST / 5, first + LEAST) if ended else (end - LEAST, end)


def _presets(since: str, until: str, ended: datetime | None) -> list[Preset]:
    """Up to now, or of what has ended up to its end."""
    found = []
    for key, label, length in PRESETS:
        first, last = (iso(ended - length), iso(ended)) if ended else (key, None)
        found.append(Preset(label, first, last, chosen=(since, until) == (first, last or "")))
    return [*found, Preset("Since start", SINCE_START, None, chosen=since == SINCE_START)]
