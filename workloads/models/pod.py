"""A pod as last observed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from runyard.clusters.models import Cluster
from runyard.tenancy.models import Project
from workloads.models.workload import OfWorkload, Workload, address


class Pod(models.Model):
    """A pod as last observed; stays after the cluster has forgotten it (`gone_at`)."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="pods")
    workload = models.ForeignKey(Workload, models.CASCADE, null=True, related_name="pods")
    uid = models.CharField(max_length=64)
    owner_uid = models.CharField(max_length=64, blank=True, db_index=True)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    resource_version = models.CharField(max_length=64)
    node = models.CharField(max_length=253, blank=True)
    phase = models.CharField(max_length=20)
    ready = models.BooleanField(default=False)
    scheduled = models.BooleanField(default=False)
    reason = models.CharField(max_length=63, blank=True)
    message = models.TextField(blank=True)
    role = models.CharField(max_length=63, blank=True, db_default="", help_text='"rank 3", "worker 0".')
    exit_code = models.IntegerField(null=True)
    restarts = models.IntegerField(default=0)
    containers = models.JSONField(default=list, help_text="See `reading._container`.")
    gpu_millis = models.BigIntegerField(default=0)
    gpu_memory_bytes = models.BigIntegerField(default=0)
    cpu_millis = models.BigIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
    gpu_groups = ArrayField(
        models.CharField(max_length=63), default=list, db_default=[], help_text="Of shared GPUs it is on."
    )
    reserves_gpu = models.BooleanField(
        default=False, db_default=False, help_text="It holds the GPU for the others of its group."
    )
    created_at = models.DateTimeField()
    scheduled_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    running_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    terminating_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)

    objects = OfWorkload["Pod"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "uid"], name="one_pod_per_uid")]
        indexes = [
            models.Index(fields=["workload", "created_at"], name="pods_of_workload"),
            # Few, if any: those that share GPUs, and what holds these for them.
            models.Index(fields=["cluster"], condition=~Q(gpu_groups=[]), name="pods_of_shared_gpus"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its log."""
        return f"{address()}{self.workload_id}/logs?pod={self.pk}"

    @property
    def version(self) -> str:
        """What scripts compare rows of a table by."""
        return self.resource_version

    @property
    def project(self) -> Project | None:
        """The scope of the gate."""
        return self.workload.project if self.workload else None


#: What people search an event by, upper-cased, as the index has it; a word holds no space.
