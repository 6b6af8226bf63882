"""Schedulers' own objects, as last observed. Written by `entries` alone, queues by `guarantees`."""

from typing import Any

from django.db import models

from runyard.clusters.models import Cluster
from runyard.tenancy.access import ScopedQuerySet


class OfWorkload(ScopedQuerySet[Any]):
    """Things that belong to a workload and share its project."""

    scope = "workload__project"


class QueueEntry(models.Model):
    """One such object that its cluster has; of no workload while what it speaks for is not known."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False, related_name="queue_entries")
    workload = models.ForeignKey(
        "workloads.Workload", models.CASCADE, null=True, related_name="queue_entries"
    )
    resource = models.CharField(max_length=63, help_text='"workloads.kueue.x-k8s.io"')
    uid = models.CharField(max_length=64)
    resource_version = models.CharField(max_length=64)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    root_uid = models.CharField(max_length=64, db_index=True, help_text="The root or pod it speaks for.")
    queue = models.CharField(max_length=253, blank=True)
    cluster_queue = models.CharField(max_length=253, blank=True, help_text="Of Kueue, once admitted.")
    active = models.BooleanField(default=True, help_text="Kueue's own switch.")
    conditions = models.JSONField(default=list, help_text="[{type, status, reason, message, at}]")
    checks = models.JSONField(default=list, help_text="Kueue's admission checks: [{name, state, message}]")
    again = models.JSONField(
        default=dict, db_default={}, help_text="When Kueue tries it again, and how often it did: {at, count}"
    )
    started_at = models.DateTimeField(null=True, help_text="When KAI gave its pods nodes last.")
    created_at = models.DateTimeField()

    objects = OfWorkload.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "uid"], name="one_queue_entry_per_uid")]

    def __str__(self) -> str:
        return self.name


class KaiQueue(models.Model):
    """A queue of KAI, of the whole cluster; no project's, and shown to nobody as such."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False, related_name="kai_queues")
    uid = models.CharField(max_length=64)
    resource_version = models.CharField(max_length=64)
    name = models.CharField(max_length=253)
    parent = models.CharField(max_length=253, blank=True)
    min_runtime = models.DurationField(null=True, help_text="Null: as the queue above it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "uid"], name="one_kai_queue_per_uid")]

    def __str__(self) -> str:
        return self.name
