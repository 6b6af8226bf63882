"""What metrics keeps: samples, how its sources do, and the GPUs of each cluster as they are now.

People read figures through `metrics.reading`, which asks the gate; nothing here is scoped by itself.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.core.exceptions import ValidationError
from django.db import models

from runyard.clusters.models import Cluster
from runyard.tenancy.access import ScopedQuerySet
from runyard.tenancy.models import Project
from workloads.models import Workload


class Resolution(models.IntegerChoices):
    """How far apart the times of a chunk are: as scraped, or means over so many seconds."""

    RAW = 0
    FIVE_MINUTES = 300
    HOUR = 3600


class StoredSeries(models.Model):
    """One series of the own store. `identity` is a digest of all that follows."""

    id = models.AutoField(primary_key=True)  # four bytes: it is in every chunk
    identity = models.UUIDField(unique=True)
    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False)
    metric = models.CharField(max_length=40)
    namespace = models.CharField(max_length=63, blank=True)
    pod = models.CharField(max_length=253, blank=True)
    pod_uid = models.CharField(max_length=64, blank=True)
    container = models.CharField(max_length=253, blank=True)
    node = models.CharField(max_length=253, blank=True)
    gpu = models.CharField(max_length=10, blank=True)
    gpu_uuid = models.CharField(max_length=80, blank=True)
    mig = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # The only one that a reading could use: a plan made before the first ANALYZE finds it as well.
        indexes = [models.Index(fields=["cluster", "pod_uid", "metric"], name="series_by_pod")]

    def __str__(self) -> str:
        return f"{self.metric} of {self.pod or self.gpu_uuid or self.node}"


class Chunk(models.Model):
    """Samples of one series: four hours as scraped, a day at five minutes, thirty days at an hour."""

    pk = models.CompositePrimaryKey("series_id", "resolution", "start")
    series = models.ForeignKey(StoredSeries, models.CASCADE, db_index=False)
    resolution = models.SmallIntegerField(choices=Resolution.choices)
    start = models.IntegerField(help_text="Seconds since 1970.")
    data = models.BinaryField(help_text="As `store.packing` writes it.")

    class Meta:
        indexes = [BrinIndex(fields=["start"], name="chunks_by_start", autosummarize=True)]

    def __str__(self) -> str:
        return f"chunk {self.start} of series {self.series_id}"


class Scraped(models.Model):
    """What one scrape of one node brought, until it is folded into chunks."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False)
    node = models.CharField(max_length=253)
    at = models.DateTimeField()
    data = models.BinaryField(help_text="As `store.staging` writes it.")

    class Meta:
        indexes = [models.Index(fields=["cluster", "node", "at"], name="scraped_of_node")]

    def __str__(self) -> str:
        return f"{self.node} at {self.at:%H:%M:%S}"


class Upkeep(models.Model):
    """When the tasks of a cluster ran last; taking a turn is a conditional update of it."""

    cluster = models.OneToOneField(Cluster, models.CASCADE, primary_key=True)
    scraped_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True, help_text="When the newest look that was written began.")
    folded_at = models.DateTimeField(null=True)
    downsampled_to = models.IntegerField(default=0, help_text="Seconds since 1970; a midnight.")
    searched_at = models.DateTimeField(null=True, help_text="When a Prometheus was looked for.")
    prometheus_path = models.CharField(max_length=700, blank=True, help_text="Of the one found there.")

    def __str__(self) -> str:
        return f"upkeep of {self.cluster_id}"


class Health(models.Model):
    """How one endpoint that figures come from does: `node` is empty for one of the whole cluster."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False)
    source = models.CharField(max_length=40)
    node = models.CharField(max_length=253, blank=True)
    ok = models.BooleanField()
    since = models.DateTimeField(help_text="Since when it is as it is.")
    why = models.CharField(max_length=500, blank=True)
    seen_at = models.DateTimeField(null=True, help_text="When it gave figures last.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "source", "node"], name="one_health_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.node}"


class PrometheusServer(models.Model):
    """The Prometheus of a cluster, where it is not found by itself or needs more than an address.

    Secrets are files: here is only where they lie.
    """

    cluster = models.OneToOneField(Cluster, models.CASCADE, primary_key=True, related_name="prometheus")
    url = models.URLField(max_length=500, blank=True, help_text="Empty: none is asked, nor looked for.")
    token_file = models.CharField(max_length=1024, blank=True)
    ca_file = models.CharField(max_length=1024, blank=True)
    headers = models.JSONField(default=dict, blank=True, help_text='Such as {"X-Scope-OrgID": "team"}.')
    matchers = models.CharField(
        max_length=500, blank=True, help_text='What tells this cluster\'s series, such as cluster="a".'
    )

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        """Raises ValidationError."""
        if not all(isinstance(part, str) for pair in dict(self.headers).items() for part in pair):
            raise ValidationError({"headers": "Names and values of headers are texts."})


class Snapshot(models.Model):
    """What the workloads of one project held and used together at a moment; null where nothing is known."""

    project = models.ForeignKey(Project, models.CASCADE, null=True, db_index=False)
    at = models.DateTimeField(db_index=True)
    gpu_millis_allocated = models.BigIntegerField()
    gpu_millis_busy = models.BigIntegerField(null=True)
    cpu_millis_allocated = models.BigIntegerField()
    cpu_millis_used = models.BigIntegerField(null=True)

    objects = ScopedQuerySet["Snapshot"].as_manager()

    def __str__(self) -> str:
        return f"project {self.project_id} at {self.at:%H:%M}"


class Gpu(models.Model):
    """One GPU or MIG slice as it was last seen; `idle_since` is null while it is busy or not known."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False, related_name="gpu_devices")
    uuid = models.CharField(max_length=80)
    mig = models.CharField(max_length=40, blank=True)
    node = models.CharField(max_length=253)
    index = models.CharField(max_length=10, blank=True)
    model = models.CharField(max_length=120, blank=True)
    pod_uid = models.CharField(max_length=64, blank=True)
    workload = models.ForeignKey(Workload, models.SET_NULL, null=True, related_name="gpu_devices")
    compute = models.FloatField(null=True, help_text="Percent.")
    memory_bytes = models.BigIntegerField(null=True)
    memory_total_bytes = models.BigIntegerField(null=True)
    idle_since = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "uuid", "mig"], name="one_row_per_gpu")]

    def __str__(self) -> str:
        return f"{self.node}/{self.index or self.uuid}"
