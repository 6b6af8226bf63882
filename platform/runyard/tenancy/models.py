"""Departments, projects, people, access rules, saved views. Rights are asked of `access`, never of these."""

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from runyard.tenancy.roles import Role

dns_label = RegexValidator(
    r"\A[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z",
    "Use lower-case letters, digits and hyphens; start and end with a letter or digit; at most 63.",
)


class User(AbstractUser):
    """A person. `is_superuser` marks the system administrator, who sees and may do everything."""

    preferences = models.JSONField(
        default=dict, blank=True, help_text='{"tables": {TABLE: {"columns": [key], "widths": {key: pixels}}}}'
    )

    @property
    def label(self) -> str:
        return self.get_full_name() or self.username

    @property
    def initials(self) -> str:
        parts = self.label.split()
        return "".join(part[0] for part in parts[:2]).upper() if len(parts) > 1 else self.label[:2].upper()


class Department(models.Model):
    """A group of projects under one head."""

    name = models.CharField(max_length=63, unique=True, validators=[dns_label])
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """Where workloads live: one namespace on each cluster, one set of people and quotas."""

    name = models.CharField(max_length=63, unique=True, validators=[dns_label])
    department = models.ForeignKey(Department, models.PROTECT, related_name="projects")
    namespace = models.CharField(max_length=63, unique=True, validators=[dns_label])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class AccessRule(models.Model):
    """One person, one role, one scope: a project, or a department with all its projects."""

    user = models.ForeignKey(User, models.CASCADE, related_name="access_rules")
    role = models.CharField(max_length=20, choices=Role.choices)
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="access_rules")
    department = models.ForeignKey(
        Department, models.CASCADE, null=True, blank=True, related_name="access_rules"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="one_scope",
                condition=Q(project__isnull=False, department__isnull=True)
                | Q(project__isnull=True, department__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["user", "role", "project", "department"], name="one_rule_each", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.project or self.department}"


class SavedView(models.Model):
    """A name for what a table shows. Of its owner alone, or of a project, whose people all see it.

    Made and changed by `tenancy.saved_views`; what `query` and `layout` mean is `kit.looks`' to say.
    """

    owner = models.ForeignKey(User, models.CASCADE, related_name="saved_views")
    project = models.ForeignKey(
        Project, models.CASCADE, null=True, blank=True, related_name="saved_views", help_text="None: own only"
    )
    table = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=4000, blank=True, help_text="Filters, search and sort, URL-encoded")
    layout = models.JSONField(default=dict, help_text='{"columns": [key], "widths": {key: pixels}}')
    is_default = models.BooleanField(default=False, help_text="What the project's people see first")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="view_has_a_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="only_shared_views_are_defaults",
                condition=Q(is_default=False) | Q(project__isnull=False),
            ),
            models.UniqueConstraint(
                "owner", "table", Lower("name"), name="one_own_view_of_a_name", condition=Q(project=None)
            ),
            models.UniqueConstraint(
                "project",
                "table",
                Lower("name"),
                name="one_shared_view_of_a_name",
                condition=~Q(project=None),
            ),
            models.UniqueConstraint(
                fields=["project", "table"], name="one_default_view", condition=Q(is_default=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name
