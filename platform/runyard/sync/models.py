"""Who syncs which cluster (the lease), and how fresh our picture of it is."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from runyard.clusters.models import Cluster

STALE_AFTER = timedelta(seconds=20)


class SyncState(models.Model):
    """One row per cluster: the lease with its epoch (a fence: older epochs write nothing), and freshness."""

    cluster = models.OneToOneField(Cluster, models.CASCADE, related_name="sync", primary_key=True)
    epoch = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField(null=True, help_text="Our rows equalled the cluster at this moment.")
    error = models.TextField(blank=True, help_text="Why it is not fresh, in words; empty while it is.")
    error_at = models.DateTimeField(null=True)
    quarantined = models.JSONField(default=dict, help_text="Objects that could not be read: uid -> why.")

    def __str__(self) -> str:
        return f"sync of {self.cluster}"

    @property
    def fresh(self) -> bool:
        return bool(self.synced_at and timezone.now() - self.synced_at < STALE_AFTER)
