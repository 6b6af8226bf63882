"""What is kept of logs, and where each part of it lies. Written by `writing` and `retention` alone, and
the limits of projects by `workloads.log_limits`.

A log belongs to one run of one container: `instance` is its restart count; the run before has one less.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from runyard.tenancy.access import ScopedQuerySet
from runyard.tenancy.models import Project


class OfPod(ScopedQuerySet[Any]):
    """Things that belong to a pod and share its project."""

    scope = "pod__workload__project"


class OfLog(ScopedQuerySet[Any]):
    """Things that belong to a kept log and share its project."""

    scope = "log__pod__workload__project"


class KeptLog(models.Model):
    """One run of one container. Lines are numbered from 0; `lines` counts those let go of too."""

    pod = models.ForeignKey("workloads.Pod", models.CASCADE, db_index=False, related_name="kept_logs")
    container = models.CharField(max_length=253)
    instance = models.IntegerField(default=0, help_text="How often the container had been restarted.")
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    lines = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0, help_text="Of text and times, as kept now.")
    stored_bytes = models.BigIntegerField(default=0, help_text="The same, compressed.")
    complete = models.BooleanField(default=False, help_text="It ended, and there is nothing more to come.")
    notes = models.JSONField(default=list, help_text='[{"line": where, "text": what is missing there}]')
    created_at = models.DateTimeField(auto_now_add=True)
    epoch = models.BigIntegerField(default=0, help_text="Grows with each taking; older ones write nothing.")
    holder = models.CharField(max_length=200, blank=True)
    held_until = models.DateTimeField(null=True)

    objects = OfPod.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pod", "container", "instance"], name="one_log_per_run"),
        ]
        indexes = [models.Index(fields=["held_until"], condition=Q(complete=False), name="unfinished_logs")]

    def __str__(self) -> str:
        return f"{self.container}/{self.instance} of pod {self.pod_id}"


class KeptChunk(models.Model):
    """Lines that lie together in one object of the store, which never changes: `key` names its content."""

    log = models.ForeignKey(KeptLog, models.CASCADE, db_index=False, related_name="chunks")
    first_line = models.BigIntegerField()
    lines = models.IntegerField()
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    key = models.CharField(max_length=200)
    bytes = models.IntegerField(help_text="Of text and times.")
    stored_bytes = models.IntegerField()

    objects = OfLog.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "first_line"], name="one_chunk_per_line")]
        indexes = [
            models.Index(fields=["log", "last_at"], name="chunks_by_time"),
            models.Index(fields=["last_at"], name="oldest_chunks"),
        ]

    def __str__(self) -> str:
        return f"lines {self.first_line} to {self.end - 1} of log {self.log_id}"

    @property
    def end(self) -> int:
        """The number of the first line after it."""
        return self.first_line + self.lines


class LogLimits(models.Model):
    """A project's own limits of its kept logs; where one is null, or wider, that of the settings counts."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="log_limits")
    days = models.IntegerField(null=True, help_text="Lines older than this are let go of.")
    bytes = models.BigIntegerField(null=True, help_text="In the store, compressed; the oldest lines go.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    objects = ScopedQuerySet["LogLimits"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="log_limits_are_some",
                condition=(Q(days=None) | Q(days__gt=0)) & (Q(bytes=None) | Q(bytes__gt=0)),
            )
        ]

    def __str__(self) -> str:
        return f"log limits of {self.project}"

    @property
    def in_force(self) -> tuple[int, int]:
        """The days and bytes that count."""
        days, most = settings.LOG_DAYS, settings.LOG_PROJECT_BYTES
        return min(self.days or days, days), min(self.bytes or most, most)
