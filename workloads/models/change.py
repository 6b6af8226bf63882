"""What became of a workload: the phases it entered, the fields of its specification that changed."""

from django.db import models

from workloads.models.workload import OfWorkload, Workload
from workloads.status import Phase


class PhaseChange(models.Model):
    """A phase a workload entered, and when; written by `transitions`, never changed."""

    workload = models.ForeignKey(Workload, models.CASCADE, db_index=False, related_name="phase_changes")
    phase = models.CharField(max_length=20, choices=Phase.choices)
    reason = models.CharField(max_length=40, blank=True, help_text="A `status.Reason`.")
    message = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = OfWorkload["PhaseChange"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["workload", "at"], name="phases_of_workload")]

    def __str__(self) -> str:
        return f"{self.phase} at {self.at:%H:%M:%S}"


class SpecChange(models.Model):
    """One field of a workload's specification that was seen to change on its cluster; never changed.

    Texts are as people may see them: without secrets. An empty `field` says that something changed of which
    no column is kept.
    """

    workload = models.ForeignKey(Workload, models.CASCADE, db_index=False, related_name="spec_changes")
    field = models.CharField(max_length=40, blank=True)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    manager = models.CharField(max_length=128, blank=True, help_text="Who, where managedFields tell.")
    at = models.DateTimeField()

    objects = OfWorkload["SpecChange"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["workload", "at"], name="changes_of_workload")]

    def __str__(self) -> str:
        return f"{self.field}: {self.before} -> {self.after}"
