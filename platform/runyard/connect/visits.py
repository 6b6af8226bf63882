"""Letting people in: tickets, what becomes of them, and whether a visit still holds.

The right is `connect` on the workload. Raises Denied (the right, the session or the ticket is gone).
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from runyard.connect.hosts import Place
from runyard.connect.models import Visit
from runyard.tenancy.access import Denied, require
from runyard.tenancy.models import User
from runyard.tenancy.sessions import signed_in
from workloads import transitions
from workloads.models import Workload
from workloads.queries import get_workload

TICKET_SECONDS = 30
LONGEST, SEEN_EVERY = timedelta(hours=24), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is inside, in which visit."""

    visit: int
    user: User


def admit(user: User, session_key: str, workload: Workload, tool: str) -> str:
    """A ticket for `user`: good once, within TICKET_SECONDS, for this tool alone. Raises Denied."""
    require(user, "connect", workload)
    ticket = secrets.token_urlsafe(32)
    Visit.objects.create(
        workload=workload,
        tool=tool,
        by=user,
        session_key=session_key,
        ticket=_digest(ticket),
        asked_at=timezone.now(),
    )
    return ticket


def enter(ticket: str, place: Place) -> str:
    """The cookie that `ticket` becomes; the second who brings it gets none. Raises Denied."""
    cookie, now = secrets.token_urlsafe(32), timezone.now()
    entered = Visit.objects.filter(
        ticket=_digest(ticket),
        workload=place.workload,
        tool=place.tool,
        entered_at=None,
        asked_at__gt=now - timedelta(seconds=TICKET_SECONDS),
    ).update(entered_at=now, cookie=_digest(cookie))
    if not entered:
        raise Denied("This way in was used before, or is too old. Open the tool from its workload again.")
    transitions.announce(Workload.objects.filter(pk=place.workload).only("project_id", "version"))
    return cookie


def guest(cookie: str, place: Place) -> Guest:
    """Who holds `cookie` at `place`: still signed in, still with the right. Raises Denied."""
    since = timezone.now() - LONGEST
    visit = Visit.objects.filter(
        cookie=_digest(cookie), workload=place.workload, tool=place.tool, entered_at__gt=since
    ).first()
    if visit is None:
        raise Denied("Open the tool from its workload.")
    user = signed_in(visit.session_key)
    if user is None or user.pk != visit.by_id:
        raise Denied("You have signed out. Sign in, and open the tool from its workload.")
    try:
        require(user, "connect", get_workload(user, place.workload))
    except Workload.DoesNotExist:
        raise Denied("There is no such workload, or you may not see it.") from None
    _seen(visit)
    return Guest(visit.pk, user)


def _seen(visit: Visit) -> None:
    """Keep that it is used, a few times a minute at most."""
    now = timezone.now()
    if visit.seen_at is None or visit.seen_at < now - SEEN_EVERY:
        Visit.objects.filter(pk=visit.pk).update(seen_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
