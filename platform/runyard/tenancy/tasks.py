"""Celery tasks of the tenancy room: tidying."""

from celery import shared_task
from django.core.management import call_command


@shared_task(name="tenancy.clear_sessions")
def clear_sessions() -> None:
    """Drop sessions that have expired."""
    call_command("clearsessions")
