"""Visits as a source of a workload's history: who opened which tool, when, and how long it was used."""

from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, DurationField, ExpressionWrapper, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Concat, Extract, Floor

from runyard.connect.models import Visit
from workloads.history_sources import ASKED, BY, RUNYARD, Source
from workloads.models import Workload

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


def _whole(unit: timedelta) -> Any:
    """How many of `unit` it was used for."""
    return Cast(Floor(Extract("used", "epoch") / unit.total_seconds()), TextField())


def _line(*parts: Any) -> Any:
    return Concat(*parts, output_field=TextField())


_USED = ExpressionWrapper(F("seen_at") - F("entered_at"), output_field=DurationField())
_LENGTH = Case(
    When(used__gte=_HOUR, then=_line(Value(", used for "), _whole(_HOUR), Value(" h"))),
    When(used__gte=_MINUTE, then=_line(Value(", used for "), _whole(_MINUTE), Value(" min"))),
    default=Value(""),
    output_field=TextField(),
)


def _rows(user: Any, workload: Workload) -> QuerySet[Visit]:
    """Tickets that nobody used were no visit."""
    return (
        Visit.objects.visible_to(user).filter(workload=workload).exclude(entered_at=None).annotate(used=_USED)
    )


def _holding(word: str) -> Q:
    if word in "opened":  # as the title of each begins
        return Q()
    told = ("tool", "by__first_name", "by__last_name", "by__username")
    return reduce(or_, (Q(**{f"{name}__icontains": word}) for name in told))


VISITS = Source(
    "visit",
    5,
    ASKED,
    "action",
    _rows,
    "asked_at",
    {
        "title": _line(Value("Opened "), F("tool")),
        "words": _line(BY, _LENGTH),
        "source": Cast(Value(RUNYARD), TextField()),
    },
    _holding,
)
