"""The clusters Runyard knows, and their nodes as last observed."""

from django.db import models


class Cluster(models.Model):
    """One Kubernetes API, reached through a kubeconfig file."""

    name = models.CharField(max_length=63, unique=True)
    kubeconfig = models.CharField(max_length=1024, help_text="Path of the kubeconfig file.")
    created_at = models.DateTimeField(auto_now_add=True)

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
