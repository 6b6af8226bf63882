"""The time line of a workload's phases: every stay in one, and how long each lasted in all.

Read-only, and only of rows the viewer may see. Used by the workload's pages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.utils import timezone

from workloads import queries
from workloads.models import Workload
from workloads.status import TERMINAL, Phase

MOST = 500
NARROWEST = 8  # thousandths of the time line's width, so that a short phase is still seen


@dataclass(frozen=True, slots=True)
class Span:
    """A stay in one phase; `x` and `width` are thousandths of the time line."""

    phase: str
    lasted: timedelta
    x: float = 0
    width: float = 0


def time_line(user: Any, workload: Workload) -> list[Span]:
    """Every stay in a phase, oldest first; the last ends now, and a terminal phase takes no time."""
    changes = sorted(
        queries.visible_phase_changes(user, workload)[:MOST], key=lambda change: (change.at, change.pk)
    )
    end = workload.deleted_at or timezone.now()
    stays = [Span(a.phase, b.at - a.at) for a, b in pairwise(changes)]
    if changes and changes[-1].phase not in TERMINAL:
        stays.append(Span(changes[-1].phase, max(end - changes[-1].at, timedelta())))
    return _placed(stays)


def _placed(stays: list[Span]) -> list[Span]:
    total = sum((stay.lasted for stay in stays), timedelta()) or timedelta(seconds=1)
    widths = [max(NARROWEST, 1000 * (stay.lasted / total)) for stay in stays]
    scale, x, placed = 1000 / (sum(widths) or 1), 0.0, []
    for stay, width in zip(stays, widths, strict=True):
        placed.append(Span(stay.phase, stay.lasted, round(x, 1), round(width * scale, 1)))
        x += width * scale
    return placed


def by_phase(spans: Iterable[Span]) -> dict[str, timedelta]:
    """How long each phase lasted in all, in the order they first came."""
    lasted: dict[str, timedelta] = {}
    for span in spans:
        lasted[span.phase] = lasted.get(span.phase, timedelta()) + span.lasted
    return lasted


def in_phase(workload: Workload) -> str:
    """ "for" a phase that goes on, "" for one that is an end."""
    return "" if workload.deleted_at or workload.phase in (Phase.COMPLETED, Phase.FAILED) else "for"
