"""What people asked for: one action a workload, and one request for many."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from workloads.models.workload import OfWorkload, Workload


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
