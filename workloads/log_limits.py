"""The limits of a project's kept logs: which are in force, and the one way to change them.

Used by pages and the API; `keeping.retention` sees to them every hour.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from runyard.tenancy.access import readable_projects, require
from runyard.tenancy.models import Project, User
from workloads.actions import Invalid
from workloads.keeping import retention
from workloads.keeping.models import LogLimits

GIB = 2**30
LEAST_BYTES = GIB // 10
#: What a right to change a project's settings is called.
VERB = "configure"


class WouldDelete(Exception):
    """With these limits lines go that are kept now: `lost` says how much, and nobody has agreed to it."""

    def __init__(self, lost: retention.Share):
        super().__init__(
            f"These limits delete lines of {lost.logs:,} logs, {lost.bytes:,} bytes of the store."
        )
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Limits:
    """Those in force; `own` are the project's, where it has any."""

    days: int
    bytes: int
    own: LogLimits | None = None


def project_of(user: Any, name: str) -> Project:
    """A project `user` may see. Raises Project.DoesNotExist alike for absent and forbidden."""
    return readable_projects(user).get(name=name)


def limits_of(project: Project | None) -> Limits:
    """A project's limits, or those of the settings; what belongs to no project has the latter."""
    own = LogLimits.objects.filter(project=project).select_related("by").first() if project else None
    return Limits(*(own.in_force if own else (settings.LOG_DAYS, settings.LOG_PROJECT_BYTES)), own)


def check(days: int | None, most_bytes: int | None) -> None:
    """Raises Invalid, by field. None may be wider than the installation's, which has so much room."""
    wrong, most = {}, limits_of(None)
    if days is not None and not 1 <= days <= most.days:
        wrong["days"] = f"A whole number of days from 1 to {most.days:,}, the most here, or nothing for that."
    if most_bytes is not None and not min(LEAST_BYTES, most.bytes) <= most_bytes <= most.bytes:
        wrong["bytes"] = f"From 0.1 to {most.bytes / GIB:,.10g} GiB, the most here, or nothing for that."
    if wrong:
        raise Invalid(wrong)


def change(
    project: Project, by: User, days: int | None, most_bytes: int | None, *, agreed: bool = False
) -> None:
    """Set both limits; None stands for the installation's.

    Raises Denied, Invalid, and unless `agreed` WouldDelete where a tighter limit costs lines that are kept.
    """
    require(by, VERB, project)
    check(days, most_bytes)
    if not agreed:
        _ask(project, days or settings.LOG_DAYS, most_bytes or settings.LOG_PROJECT_BYTES)
    with transaction.atomic():
        if days is None and most_bytes is None:
            LogLimits.objects.filter(project=project).delete()
        else:
            facts = {"days": days, "bytes": most_bytes, "by": by}
            LogLimits.objects.update_or_create(project=project, defaults=facts)


def _ask(project: Project, days: int, most_bytes: int) -> None:
    now = limits_of(project)
    if days >= now.days and most_bytes >= now.bytes:
        return
    lost = retention.lost_of(project.pk, timedelta(days=days), most_bytes)
    if lost.logs:
        raise WouldDelete(lost)
