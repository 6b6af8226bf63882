"""What a cluster said of a workload or its pods."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q

from runyard.clusters.models import Cluster
from workloads.models.workload import OfWorkload, Workload

EVENT_WORDS = models.Func(
    *map(models.F, ("reason", "message", "source", "regarding_kind", "regarding_name")),
    template="UPPER(%(expressions)s)",
    arg_joiner=" || ' ' || ",
    output_field=models.TextField(),
)


class Event(models.Model):
    """A cluster event about a workload or one of its pods, kept after the cluster forgets it.

    One that only repeats an earlier one is folded into that (`workloads.folding`), which sums them up in
    `total`, `since` and `until`; `count`, `first_at` and `last_at` are the cluster's own of each.
    """

    # Each index is written again with most changes of a row: these are the first columns of others below.
    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False, related_name="events")
    workload = models.ForeignKey(Workload, models.CASCADE, null=True, db_index=False, related_name="events")
    uid = models.CharField(max_length=64)
    resource_version = models.CharField(max_length=64)
    namespace = models.CharField(max_length=63, default="", blank=True)
    regarding_uid = models.CharField(max_length=64)
    regarding_kind = models.CharField(max_length=63)
    regarding_name = models.CharField(max_length=253)
    type = models.CharField(max_length=20)
    reason = models.CharField(max_length=128)
    message = models.TextField(blank=True)
    source = models.CharField(max_length=128, blank=True)
    count = models.IntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    folded_into = models.ForeignKey("self", models.CASCADE, null=True, related_name="folded")
    total = models.BigIntegerField(default=1, help_text="How often, with those folded into it.")
    since = models.DateTimeField(help_text="When first, with those folded into it.")
    until = models.DateTimeField(help_text="When last, with those folded into it.")

    objects = OfWorkload["Event"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "uid"], name="one_event_per_uid")]
        indexes = [
            models.Index(fields=["workload", "-last_at"], name="events_of_workload"),
            models.Index(fields=["regarding_uid", "-until"], name="events_about"),
            models.Index(
                fields=["workload", "-until", "-id"],
                condition=Q(folded_into=None) & ~Q(type="Warning"),
                name="normal_events",
            ),
            models.Index(
                fields=["workload", "-until", "-id"],
                condition=Q(folded_into=None, type="Warning"),
                name="warning_events",
            ),
            GinIndex(
                OpClass(EVENT_WORDS, name="gin_trgm_ops"),
                condition=Q(folded_into=None) & ~Q(type="Warning"),
                name="normal_events_by_words",
            ),
            GinIndex(
                OpClass(EVENT_WORDS, name="gin_trgm_ops"),
                condition=Q(folded_into=None, type="Warning"),
                name="warning_events_by_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.regarding_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """One made by itself is a fold of one."""
        if self.since is None:
            self.total, self.since, self.until = self.count, self.first_at, self.last_at
        super().save(*args, **kwargs)
