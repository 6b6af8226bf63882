"""The gate. Every query passes `visible_to`, every action and socket topic passes `may` or `require`.

Deny is the default: an anonymous or disabled person, an unknown verb, a thing without a scope.
A thing's scope is its `project` (or itself); a thing of no project belongs to the system alone, and a saved
view of no project to its owner alone.
"""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

from runyard.tenancy.models import AccessRule, Department, Project, SavedView, User
from runyard.tenancy.roles import Role, allows

M = TypeVar("M", bound=Model)


class Denied(Exception):
    """`user` lacks the right; the message says which and who can grant it."""


def _active(user: Any) -> bool:
    return bool(getattr(user, "is_authenticated", False) and user.is_active)


def readable_projects(user: Any) -> QuerySet[Project]:
    """The projects in which `user` holds any role."""
    if _active(user) and user.is_superuser:
        return Project.objects.all()
    return own_projects(user)


def own_projects(user: Any) -> QuerySet[Project]:
    """The projects that a rule gives `user`: those they belong to, not all they may look into."""
    return _ruled(AccessRule.objects.filter(user=user)) if _active(user) else Project.objects.none()


def _ruled(rules: QuerySet[AccessRule]) -> QuerySet[Project]:
    return Project.objects.filter(
        Q(pk__in=rules.filter(project__isnull=False).values("project"))
        | Q(department__in=rules.filter(department__isnull=False).values("department"))
    )


def projects_where(user: Any, permission: str) -> QuerySet[Project]:
    """The projects in which one of `user`'s roles allows `permission`, such as `workload.create`."""
    roles = [role for role in Role if allows(role, permission)]
    if not _active(user) or user.is_superuser:
        return readable_projects(user)
    return _ruled(AccessRule.objects.filter(user=user, role__in=roles))


def _readable_ids(user: Any) -> list[int]:
    """By id, not by subquery: PostgreSQL then knows how few rows are theirs, and takes the right index."""
    if not _active(user):
        return []
    if (ids := getattr(user, "_readable_ids", None)) is None:  # one query a request, however many lists ask
        ids = user._readable_ids = list(readable_projects(user).order_by("pk").values_list("pk", flat=True))
    return ids


class ScopedQuerySet(QuerySet[M], Generic[M]):
    """A queryset of things that belong to a project; `scope` is the lookup that leads there."""

    scope = "project"

    def visible_to(self, user: Any) -> "ScopedQuerySet[M]":
        """Only what `user` may read; things of no project are the system administrator's."""
        if _active(user) and user.is_superuser:
            return self
        return self.filter(**{f"{self.scope}__in": _readable_ids(user)})


def _project_of(thing: Any) -> Project | None:
    return thing if isinstance(thing, Project) else getattr(thing, "project", None)


def _rules(user: User, thing: Any) -> Iterable[AccessRule]:
    rules = getattr(user, "_access_rules", None)  # one query a request, however many rows ask
    if rules is None:
        rules = user._access_rules = list(AccessRule.objects.filter(user=user))  # type: ignore[attr-defined]
    if isinstance(thing, Department):
        return [rule for rule in rules if rule.department_id == thing.pk]
    project = _project_of(thing)
    if project is None:
        return []
    return [r for r in rules if r.project_id == project.pk or r.department_id == project.department_id]


def may(user: Any, verb: str, thing: Any, *, noun: str | None = None) -> bool:
    """Whether `user` may `verb` `thing` (a model instance; its model name is the noun).

    `may(ada, "create", project, noun="workload")` asks for something that is not there yet.
    """
    if not _active(user) or thing is None:
        return False
    if isinstance(thing, SavedView) and thing.project_id is None:
        return bool(thing.owner_id == user.pk)
    if user.is_superuser:
        return True
    permission = f"{noun or thing._meta.model_name}.{verb}"
    return any(allows(rule.role, permission) for rule in _rules(user, thing))


def require(user: Any, verb: str, thing: Any, *, noun: str | None = None) -> None:
    """Raise Denied, naming the missing right and who can grant it, unless `may`."""
    if not may(user, verb, thing, noun=noun):
        raise Denied(denial(verb, thing, noun=noun))


def denial(verb: str, thing: Any, *, noun: str | None = None, whom: str = "") -> str:
    """The sentence that tells a person which right is missing and `whom` to ask, looked up unless given."""
    project = _project_of(thing)
    where = f"in project {project}" if project else "here"
    what, whom = noun or thing._meta.model_name, whom or whom_to_ask(thing)
    return f"You lack the right to {verb.replace('_', ' ')} {what}s {where}. Ask {whom}."


def whom_to_ask(thing: Any) -> str:
    """The names of up to three people who can grant rights on `thing`."""
    project = _project_of(thing)
    if project is not None:
        rules = AccessRule.objects.filter(
            Q(project=project) | Q(department=project.department), role=Role.ADMINISTRATOR
        ).select_related("user")
        names = [rule.user.label for rule in rules[:3]]
        if names:
            return " or ".join(names)
    return "a system administrator"


def forget_rules(user: Any) -> None:
    """Drop what the gate remembered of `user`; long-lived sockets call it before each re-check."""
    for memory in ("_access_rules", "_readable_ids"):
        if hasattr(user, memory):
            delattr(user, memory)
