"""The gate. Every query passes `visible_to`, every action and socket topic passes `may` or `require`.

Deny is the default: an anonymous or disabled person, an unknown verb, a thing without a scope.
A thing's scope is its `project` (or itself); a thing of no project belongs to the system alone, and a saved
view of no project to its owner alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

from runyard.kit.compiled import compiled
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
    return _of(*_named(_rules_of(user)))


def known_projects(user: Any) -> list[Project]:
    """`readable_projects` by name: one query a request, however many ask."""
    if (found := getattr(user, "_known_projects", None)) is None:
        everything = _active(user) and user.is_superuser
        found = user._known_projects = _by_name(None if everything else _named(_rules_of(user)))
    return found


_Ids = tuple[int, ...]


@compiled("name", "namespace", "department_id")
def _by_name(named: tuple[_Ids, _Ids] | None) -> QuerySet[Project]:
    return (Project.objects.all() if named is None else _of(*named)).order_by("name")


def _named(rules: Collection[AccessRule]) -> tuple[_Ids, _Ids]:
    """The projects and the departments that `rules` name."""
    projects = {rule.project_id for rule in rules if rule.project_id}
    departments = {rule.department_id for rule in rules if rule.department_id}
    return tuple(sorted(projects)), tuple(sorted(departments))


def _of(projects: _Ids, departments: _Ids) -> QuerySet[Project]:
    """By id, not by subquery: PostgreSQL then knows how few they are, and Django has less to write."""
    return Project.objects.filter(Q(pk__in=projects) | Q(department__in=departments))


def projects_where(user: Any, permission: str) -> QuerySet[Project]:
    """The projects in which one of `user`'s roles allows `permission`, such as `workload.create`."""
    if not _active(user) or user.is_superuser:
        return readable_projects(user)
    return _of(*_named([rule for rule in _rules_of(user) if allows(rule.role, permission)]))


#: The ids of all projects that somebody may read; None for everything, also what is of no project.
Reach = tuple[int, ...] | None


def reach(user: Any) -> Reach:
    """How far `user` sees: people of the same reach see the same."""
    if _active(user) and user.is_superuser:
        return None
    return tuple(sorted(project.pk for project in known_projects(user)))


class ScopedQuerySet(QuerySet[M], Generic[M]):
    """A queryset of things that belong to a project; `scope` is the lookup that leads there."""

    scope = "project"

    def visible_to(self, user: Any) -> "ScopedQuerySet[M]":
        """Only what `user` may read; things of no project are the system administrator's."""
        return self.within(reach(user))

    def within(self, seen: Reach) -> "ScopedQuerySet[M]":
        """The same for the `reach` of somebody, where a query is made for all who have it."""
        return self if seen is None else self.filter(**{f"{self.scope}__in": seen})


def _project_of(thing: Any) -> Project | None:
    return thing if isinstance(thing, Project) else getattr(thing, "project", None)


def _rules_of(user: Any) -> list[AccessRule]:
    if not _active(user):
        return []
    if (rules := getattr(user, "_access_rules", None)) is None:  # one query a request, however many rows ask
        rules = user._access_rules = list(AccessRule.objects.filter(user=user))
    return rules


def belongs(user: Any, project: Project) -> bool:
    """Whether a rule gives `user` the project: it is theirs, not only one they may look into."""
    return bool(_rules(user, project))


def _rules(user: User, thing: Any) -> list[AccessRule]:
    rules = _rules_of(user)
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


def may_somewhere(user: Any, verb: str, *, noun: str) -> bool:
    """Whether `may` holds in any project."""
    return any(may(user, verb, project, noun=noun) for project in known_projects(user))


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


@dataclass(frozen=True, slots=True)
class Rights:
    """All that the gate knows of an active person: two with the same rights see, and may do, the same.

    `rules`: role, project and department of each. Saved views aside, which have an owner.
    """

    superuser: bool
    rules: frozenset[tuple[str, int | None, int | None]]


def rights_of(people: Iterable[int]) -> dict[int, Rights]:
    """By id, of those who are active; two queries for however many."""
    active = User.objects.filter(pk__in=list(people), is_active=True).values_list("pk", "is_superuser")
    supers = dict(active)
    rules: dict[int, set[tuple[str, int | None, int | None]]] = {pk: set() for pk in supers}
    found = AccessRule.objects.filter(user__in=[pk for pk, is_super in supers.items() if not is_super])
    for pk, *rule in found.values_list("user", "role", "project", "department"):
        rules[pk].add(tuple(rule))  # type: ignore[arg-type]
    return {pk: Rights(supers[pk], frozenset(rules[pk])) for pk in supers}


def whom_to_ask(thing: Any) -> str:
    """The names of up to three people who can grant rights on `thing`."""
    project = _project_of(thing)
    return who_grants([project])[project.pk] if project else _SYSTEM


def who_grants(projects: Collection[Project]) -> dict[int, str]:
    """By project, whom to ask for rights in it: one query, however many projects."""
    scopes = Q(project__in=projects) | Q(department__in={project.department_id for project in projects})
    names: defaultdict[tuple[int | None, int | None], list[str]] = defaultdict(list)
    for rule in AccessRule.objects.filter(scopes, role=Role.ADMINISTRATOR).select_related("user"):
        names[rule.project_id, rule.department_id].append(rule.user.label)
    asked = {p.pk: names[p.pk, None] + names[None, p.department_id] for p in projects}
    return {pk: " or ".join(found[:3]) or _SYSTEM for pk, found in asked.items()}


_SYSTEM = "a system administrator"


def forget_rules(user: Any) -> None:
    """Drop what the gate remembered of `user`; long-lived sockets call it before each re-check."""
    for memory in ("_access_rules", "_known_projects"):
        if hasattr(user, memory):
            delattr(user, memory)
