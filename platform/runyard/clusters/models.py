"""The clusters Runyard knows, their nodes as last observed, and when they were out of sight."""

from django.db import models
from django.db.models import Q


class ClusterQuerySet(models.QuerySet["Cluster"]):
    """Clusters; no person is asked about, since their names are no secret to who may create in a project."""

    def followed(self) -> "ClusterQuerySet":
        """Those that are read and written to, by name: others have rows with nothing behind them."""
        return self.exclude(kubeconfig="").order_by("name")

    def oldest(self) -> "Cluster | None":
        """The one that is meant where none is named."""
        return self.order_by("pk").first()


class Cluster(models.Model):
    """One Kubernetes API, reached through a kubeconfig file."""

    name = models.CharField(max_length=63, unique=True)
    kubeconfig = models.CharField(max_length=1024, help_text="Path of the kubeconfig file.")
    pod_network = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="Networks of pods that this machine reaches itself.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClusterQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """A node as last observed; what it offers in all, not what is free."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="nodes")
    uid = models.CharField(max_length=64)
    name = models.CharField(max_length=253)
    resource_version = models.CharField(max_length=64)
    ready = models.BooleanField(default=False)
    unschedulable = models.BooleanField(default=False)
    cpu_millis = models.BigIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
    gpus = models.IntegerField(default=0)
    gpu_product = models.CharField(max_length=120, blank=True)
    pool = models.CharField(max_length=63, blank=True, help_text="The node pool its labels name.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "uid"], name="one_node_per_uid")]

    def __str__(self) -> str:
        return self.name


class Absence(models.Model):
    """A time in which our rows may have differed from the cluster; `until` is null while it goes on."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False, related_name="absences")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster"], condition=Q(until=None), name="one_absence_at_a_time")
        ]
        indexes = [models.Index(fields=["cluster", "since"], name="absences_of_cluster")]

    def __str__(self) -> str:
        return f"{self.cluster} since {self.since:%H:%M:%S}"
