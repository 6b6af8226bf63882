"""Visits: who was let into which tool, and when. Kept as the audit of the way in.

A visit begins with a ticket, which is good once and for seconds, and goes on with a cookie of the tool's own
host. Only digests of both are kept.
"""

from django.conf import settings
from django.db import models

from workloads.models import OfWorkload, Workload


class Visit(models.Model):
    """One person let into one tool, from one session of theirs."""

    workload = models.ForeignKey(Workload, models.CASCADE, db_index=False, related_name="visits")
    tool = models.CharField(max_length=40)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="visits")
    session_key = models.CharField(max_length=40, help_text="Of the sign-in it lives and ends with.")
    ticket = models.CharField(max_length=64, unique=True, help_text="SHA-256, hexadecimal.")
    cookie = models.CharField(max_length=64, unique=True, null=True, help_text="SHA-256; null until entered.")  # noqa: DJ001
    asked_at = models.DateTimeField()
    entered_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True, help_text="When it was last used, to the minute.")

    objects = OfWorkload["Visit"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["workload", "-asked_at"], name="visits_of_workload")]

    def __str__(self) -> str:
        return f"{self.by} at {self.tool} of {self.workload}"
