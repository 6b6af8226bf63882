"""Workloads, their pods, events, phase history and the actions people asked for.

Rows are written by `transitions` (what was observed) and `actions` (what was asked) alone.
"""

import uuid
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils import timezone

from runyard.clusters.models import Cluster
from runyard.tenancy.access import ScopedQuerySet
from runyard.tenancy.models import Project
from workloads.keeping.models import KeptChunk as KeptChunk
from workloads.keeping.models import KeptLog as KeptLog
from workloads.kinds import KINDS
from workloads.kinds.kind import Architecture
from workloads.queueing.models import QueueEntry as QueueEntry
from workloads.search_text import SearchText as SearchText
from workloads.status import REASON_WORDS, Desired, Phase, Reason
from workloads.usage import Usage as Usage


@cache
def _address() -> str:
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
    version = models.BigIntegerField(default=0, help_text="Grows with every change that people can see.")

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
    queueing = models.JSONField(default=dict, db_default={}, help_text="See `queueing.saying`.")
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
        return f"{_address()}{self.pk}/"  # fifty rows a page, and `reverse` takes longer than their cells

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
    containers = models.JSONField(default=list, help_text="[{name, image, state, reason, memory_limit}]")
    gpu_millis = models.BigIntegerField(default=0)
    gpu_memory_bytes = models.BigIntegerField(default=0)
    cpu_millis = models.BigIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
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
        indexes = [models.Index(fields=["workload", "created_at"], name="pods_of_workload")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its log."""
        return f"{_address()}{self.workload_id}/logs?pod={self.pk}"

    @property
    def version(self) -> str:
        """What scripts compare rows of a table by."""
        return self.resource_version

    @property
    def project(self) -> Project | None:
        """The scope of the gate."""
        return self.workload.project if self.workload else None


#: What people search an event by, upper-cased, as the index has it; a word holds no space.
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
                condition=Q(folded_into=None),
                name="events_by_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.regarding_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """One made by itself is a fold of one."""
        if self.since is None:
            self.total, self.since, self.until = self.count, self.first_at, self.last_at
        super().save(*args, **kwargs)


class PhaseChange(models.Model):
    """A phase a workload entered, and when; written by `transitions`, never changed."""

    workload = models.ForeignKey(Workload, models.CASCADE, related_name="phase_changes")
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


class Verb(models.TextChoices):
    CREATE = "create", "Create"
    STOP = "stop", "Stop"
    RUN = "run", "Run"
    DELETE = "delete", "Delete"


class Action(models.Model):
    """What a person asked for, and how it went: the outbox. Celery only wakes what stands here."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        CLAIMED = "claimed", "Being done"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    OPEN = (State.QUEUED, State.CLAIMED)

    workload = models.ForeignKey(Workload, models.CASCADE, related_name="actions")
    verb = models.CharField(max_length=10, choices=Verb.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.IntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Not to be tried before.")
    finished_at = models.DateTimeField(null=True)

    objects = OfWorkload["Action"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["queued", "claimed"]), name="unfinished"),
            models.Index(fields=["workload", "-created_at"], name="actions_of_workload"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.workload}"


class OwnBulks(models.QuerySet["Bulk"]):
    """Bulk requests are shown to nobody but the person who made them."""

    def visible_to(self, user: Any) -> "OwnBulks":
        return self.filter(by=user) if getattr(user, "is_authenticated", False) else self.none()


class Bulk(models.Model):
    """One verb for many workloads, done in the background: `ids` are fixed when it is asked for.

    They are done from the front; `done` of them are through, which is written together with what was done.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        GIVEN_UP = "given_up", "Given up"

    verb = models.CharField(max_length=10, choices=Verb.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="bulks")
    ids = ArrayField(models.BigIntegerField())
    losing = ArrayField(models.BigIntegerField(), null=True, help_text="Null where nobody was asked.")
    total = models.IntegerField()
    done = models.IntegerField(default=0)
    failed = models.JSONField(default=list, help_text="[{id, name, code, message}]")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Nobody is at it after this, while it runs.")
    finished_at = models.DateTimeField(null=True)

    objects = OwnBulks.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="running"), name="unfinished_bulks"),
            models.Index(fields=["by", "-created_at"], name="bulks_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.total} workloads"

    def get_absolute_url(self) -> str:
        return reverse("workload-bulk-result", args=[self.pk])

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def succeeded(self) -> list[int]:
        """The ids of which it was asked."""
        failed = {failure["id"] for failure in self.failed}
        return [pk for pk in self.ids[: self.done] if pk not in failed]

    @property
    def succeeded_count(self) -> int:
        return self.done - len(self.failed)
