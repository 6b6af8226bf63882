"""A workload, of any kind, ours or a third party's; and the scope of what belongs to one."""

import uuid
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils import timezone

from runyard.clusters.models import Cluster
from runyard.tenancy.access import ScopedQuerySet
from runyard.tenancy.models import Project
from workloads.kinds import KINDS
from workloads.kinds.kind import Architecture
from workloads.status import REASON_WORDS, Desired, Phase, Reason


@cache
def address() -> str:
    """Of the pages of workloads, up to their numbers: `reverse` takes longer than a row."""
    return reverse("workload", args=[0]).removesuffix("0/")


class SubmittedThrough(models.TextChoices):
    FORM = "form", "Form"
    API = "api", "API"
    CLI = "cli", "CLI"
    CLUSTER = "cluster", "Cluster"


class Preemptible(models.TextChoices):
    """Whether others may take its place; empty where nothing says so."""

    YES = "yes", "Yes"
    NO = "no", "No"


class Workload(models.Model):
    """One workload of any kind, ours or a third party's."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Each index is written again with most changes of a row: these two are the first columns of others below.
    cluster = models.ForeignKey(Cluster, models.CASCADE, db_index=False, related_name="workloads")
    project = models.ForeignKey(Project, models.PROTECT, null=True, db_index=False, related_name="workloads")
    kind = models.CharField(max_length=40)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    uid = models.CharField(max_length=64, null=True, help_text="Null until the cluster has it.")  # noqa: DJ001
    resource_version = models.CharField(max_length=64, blank=True)
    generation = models.BigIntegerField(default=0, help_text="Of the specification; 0 until observed.")
    version = models.BigIntegerField(default=0, help_text="Grows with every change but of its use.")

    phase = models.CharField(max_length=20, choices=Phase.choices, default=Phase.CREATING)
    reason = models.CharField(max_length=40, blank=True, help_text="A `status.Reason`.")
    message = models.TextField(blank=True)
    phase_at = models.DateTimeField()
    desired = models.CharField(max_length=10, choices=Desired.choices, default=Desired.RUNNING)
    suspended = models.BooleanField(default=False)
    was_running = models.BooleanField(default=False, help_text="Ran since it last (re)started.")
    terminal = models.CharField(max_length=20, blank=True)
    terminal_reason = models.CharField(max_length=63, blank=True)
    terminal_message = models.TextField(blank=True)
    terminating_at = models.DateTimeField(null=True)
    finalizers = ArrayField(models.CharField(max_length=253), default=list)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="workloads"
    )
    submitted_through = models.CharField(
        max_length=10, choices=SubmittedThrough.choices, default=SubmittedThrough.CLUSTER
    )
    spec = models.JSONField(default=dict, help_text="As submitted, the form's fields.")
    manifest = models.JSONField(default=dict, help_text="As sent to the cluster.")
    image = models.CharField(max_length=1024, blank=True)
    gpu_millis = models.BigIntegerField(default=0, help_text="Asked for by all pods, thousandths of a GPU.")
    gpu_memory_bytes = models.BigIntegerField(default=0, help_text="Where it was asked for as such.")
    cpu_millis = models.BigIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
    gpu_millis_allocated = models.BigIntegerField(default=0, help_text="What its pods on nodes hold now.")
    gpu_memory_bytes_allocated = models.BigIntegerField(default=0)
    cpu_millis_allocated = models.BigIntegerField(default=0)
    memory_bytes_allocated = models.BigIntegerField(default=0)
    pods_requested = models.IntegerField(default=1)
    runs_requested = models.IntegerField(default=1, help_text="How many pods have to end well.")
    retries = models.IntegerField(default=0, help_text="How many failed pods it survives.")
    pods_running = models.IntegerField(default=0)
    restarts = models.IntegerField(default=0)
    exit_code = models.IntegerField(null=True, help_text="Of the pod that failed last.")
    nodes = ArrayField(models.CharField(max_length=253), default=list)
    node_pools = ArrayField(
        models.CharField(max_length=63), default=list, help_text="The pools of its nodes."
    )
    architecture = models.CharField(
        max_length=12, choices=Architecture.choices, default=Architecture.STANDARD
    )
    priority = models.CharField(max_length=253, blank=True, help_text="The name of its priority class.")
    preemptible = models.CharField(max_length=3, choices=Preemptible.choices, blank=True)
    application = models.CharField(max_length=253, blank=True)
    owner_chain = models.CharField(max_length=1024, blank=True)
    labels = ArrayField(models.TextField(), default=list, help_text="key=value, sorted.")
    data_sources = ArrayField(
        models.TextField(), default=list, db_default=[], help_text="See `workloads.data_sources`."
    )
    queueing = models.JSONField(default=dict, db_default={}, help_text="See `queueing.saying`.")
    guaranteed_until = models.DateTimeField(null=True, help_text="See `queueing.guarantees`.")
    tools = models.JSONField(default=list, db_default=[], help_text="`tools.Tool`s, as dumped.")
    tool_states = models.JSONField(
        default=dict, db_default={}, help_text="{tool: {state, since, words}}, kept by whoever asks them."
    )
    time_pending = models.DurationField(default=timedelta, help_text="In Pending, less the present stay.")
    time_running = models.DurationField(default=timedelta, help_text="In Running, less the present stay.")
    changed_at = models.DateTimeField(default=timezone.now, help_text="When `version` grew last.")

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["Workload"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cluster", "uid"], name="one_workload_per_uid"),
            models.UniqueConstraint(
                fields=["cluster", "namespace", "kind", "name"],
                condition=Q(deleted_at=None, uid__isnull=False),
                name="one_live_workload_per_name",
            ),
            models.UniqueConstraint(
                fields=["cluster", "namespace", "kind", "name"],
                condition=Q(deleted_at=None, uid=None, terminal=""),
                name="one_submission_per_name",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="newest_first"),
            models.Index(fields=["project", "-created_at"], name="newest_in_project"),
            # Answers how many are in each phase, and their GPUs, without reading a row.
            models.Index(
                fields=["project", "phase"],
                include=["gpu_millis"],
                condition=Q(deleted_at=None),
                name="tally",
            ),
            models.Index(
                fields=["phase", "-created_at", "-id"], condition=Q(deleted_at=None), name="by_phase"
            ),
            models.Index(
                Lower(Coalesce("name", Value(""))), "id", condition=Q(deleted_at=None), name="by_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{address()}{self.pk}/"  # fifty rows a page, and `reverse` takes longer than their cells

    @property
    def why(self) -> str:
        """The words beside the phase; hostile text, to be escaped. Stopped says it all by itself."""
        return self.message or (self.reason_words if self.reason != Reason.SUSPENDED else "")

    @property
    def category(self) -> str:
        """What people use its kind for; empty for a kind we do not know."""
        kind = KINDS.get(self.kind)
        return str(kind.category.label) if kind else ""

    @property
    def queue(self) -> str:
        """The name of its scheduler's queue; empty for none, hostile text."""
        return str(self.queueing.get("queue", ""))

    @property
    def gpus_requested(self) -> float:
        """Asked for, in GPUs."""
        return self.gpu_millis / 1000

    @property
    def gpus_allocated(self) -> float:
        """Held now, in GPUs."""
        return self.gpu_millis_allocated / 1000

    @property
    def pending_for(self) -> timedelta:
        """How long it was Pending in all, until now."""
        return self.time_pending + self._stay(Phase.PENDING)

    @property
    def running_for(self) -> timedelta:
        """How long it was Running in all, until now."""
        return self.time_running + self._stay(Phase.RUNNING)

    def _stay(self, phase: Phase) -> timedelta:
        return timezone.now() - self.phase_at if self.phase == phase else timedelta()

    def leave_phase(self, at: datetime) -> None:
        """Keep how long the present phase lasted; for `transitions` alone."""
        stay = max(at - self.phase_at, timedelta())
        if self.phase == Phase.PENDING:
            self.time_pending += stay
        elif self.phase == Phase.RUNNING:
            self.time_running += stay

    @property
    def connections(self) -> list[dict[str, Any]]:
        """Its tools, each with its state: starting, ready, silent, or empty where nobody asked it yet."""
        return [
            tool | {"state": self.tool_states.get(tool["name"], {}).get("state", "")} for tool in self.tools
        ]

    @property
    def reason_words(self) -> str:
        """The reason as people read it; empty for none, and for one we do not know."""
        return REASON_WORDS.get(self.reason, "")


M = TypeVar("M", bound=models.Model)


class OfWorkload(ScopedQuerySet[M], Generic[M]):
    """Things that belong to a workload and share its project."""

    scope = "workload__project"
