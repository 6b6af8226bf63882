"""What a workload uses now, beside what it asked for: written by the metrics room after each look.

A figure that is not known, or not any more, is null: never zero.
"""

from django.db import models


class Usage(models.Model):
    """Of all its running pods together. No row: nothing was ever measured of it."""

    workload = models.OneToOneField(
        "workloads.Workload", models.CASCADE, primary_key=True, related_name="usage"
    )
    gpu_compute = models.FloatField(null=True, help_text="Percent, the mean over its GPUs.")
    gpu_memory_bytes = models.BigIntegerField(null=True)
    gpu_memory_total_bytes = models.BigIntegerField(null=True, help_text="Of the GPUs it is on.")
    gpus_seen = models.IntegerField(null=True, help_text="GPUs and slices that figures came of.")
    gpus_idle = models.IntegerField(null=True, help_text="Of them, idle for over five minutes.")
    idle_gpu_seconds = models.BigIntegerField(default=0, help_text="Lost in idle times that are over.")
    cpu_millis = models.BigIntegerField(null=True)
    memory_bytes = models.BigIntegerField(null=True)
    source = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(help_text="When it was measured, to the minute.")

    def __str__(self) -> str:
        return f"usage of {self.workload_id}"
