"""Visits are let go of: tickets that were never used after a day, all others after a year."""

from datetime import timedelta

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from runyard.connect.models import Visit

UNUSED, OLD = timedelta(days=1), timedelta(days=365)


@shared_task(name="connect.forget_visits")
def forget_visits() -> int:
    """How many were let go of."""
    now = timezone.now()
    unused = Q(entered_at=None, asked_at__lt=now - UNUSED)
    return Visit.objects.filter(unused | Q(asked_at__lt=now - OLD)).delete()[0]
