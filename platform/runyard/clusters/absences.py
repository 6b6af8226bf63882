"""When we did not see a cluster: it was away, or we were. Written by `runyard.sync`, read by time lines.

What happened meanwhile is known only as far as objects tell their own times.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from runyard.clusters.models import Absence

#: A shorter one is none: between two looks at a cluster pass seconds.
LONG = timedelta(seconds=20)


def away(cluster_pk: int, since: datetime, now: datetime) -> None:
    """We see it no more; its rows were true at `since`. As often as one likes."""
    if now - since > LONG:
        Absence.objects.get_or_create(cluster_id=cluster_pk, until=None, defaults={"since": since})


def back(cluster_pk: int, since: datetime, now: datetime) -> None:
    """We see it again, and its rows are true; they were so last at `since`."""
    ended = Absence.objects.filter(cluster=cluster_pk, until=None).update(until=now)
    if not ended and now - since > LONG:
        Absence.objects.create(cluster_id=cluster_pk, since=since, until=now)


def absences(cluster_pk: int, since: datetime) -> QuerySet[Absence]:
    """Those that went on at `since` or began later, the oldest first."""
    return Absence.objects.filter(Q(until=None) | Q(until__gte=since), cluster=cluster_pk).order_by("since")
