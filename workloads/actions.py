"""What people can do to workloads. Pages, API, bulk bar and CLI call these and nothing else.

Each checks right, then state, then writes one Action row a workload and the intended state in one
transaction; Celery tasks are woken after commit, and the reaper finds the rows should that be lost.
Raises Denied (the right is missing, and who can grant it), Refused (state or kind does not allow it)
or Invalid (what was submitted, by field).
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from runyard.clusters.models import Cluster
from runyard.tenancy.access import Denied, require
from runyard.tenancy.models import Project, User
from workloads import policies, queries, spec, tasks, transitions
from workloads.availability import Availability
from workloads.models import Action, SubmittedThrough, Verb, Workload
from workloads.policies import Refusal, Refused
from workloads.status import Desired


class Invalid(Exception):
    """What was submitted cannot be; `fields` says what is wrong, by field."""

    def __init__(self, fields: dict[str, str]):
        super().__init__("; ".join(f"{name}: {words}" for name, words in fields.items()))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Failure:
    """One workload that was left as it is, and why."""

    id: int
    name: str
    code: str  # Denied, Refused, Changed or NotFound
    message: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Outcome:
    """What a bulk request came to, one entry per workload."""

    asked: list[Action] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    @property
    def succeeded(self) -> list[int]:
        return [action.workload_id for action in self.asked]


def submit(
    by: User,
    project: Project,
    cluster: Cluster,
    training: spec.WorkloadSpec,
    through: SubmittedThrough = SubmittedThrough.FORM,
) -> Workload:
    """Write the workload as Creating and ask for it on `cluster`, in the project's namespace."""
    require(by, "create", project, noun="workload")
    wrong = spec.problems(training)
    if "name" not in wrong and queries.is_taken(cluster, project.namespace, training.name):
        wrong["name"] = _TAKEN.format(name=training.name, project=project)
    if wrong:
        raise Invalid(wrong)
    asked_at = timezone.now()  # before the phase that comes of it
    try:
        with transaction.atomic():
            workload = transitions.submitted(by, project, cluster, training, through)
            _enqueue([workload], Verb.CREATE, by, asked_at)
    except IntegrityError as error:
        raise Invalid({"name": _TAKEN.format(name=training.name, project=project)}) from error
    return workload


_TAKEN = "There is a workload {name} in project {project} already; choose another name."


def stop(workload: Workload, by: User) -> Action:
    """Ask the cluster to suspend `workload`; its pods end within their grace period."""
    return _one(workload, Verb.STOP, by)


def run(workload: Workload, by: User) -> Action:
    """Ask the cluster to run a stopped `workload` again."""
    return _one(workload, Verb.RUN, by)


def delete(workload: Workload, by: User) -> Action:
    """Ask the cluster to delete `workload` with its pods; the row stays, marked deleted."""
    return _one(workload, Verb.DELETE, by)


VERBS = {Verb.STOP: stop, Verb.RUN: run, Verb.DELETE: delete}
_DESIRED = {Verb.STOP: Desired.STOPPED, Verb.RUN: Desired.RUNNING, Verb.DELETE: Desired.DELETED}
_CHANGED = Refusal("It has begun to run since you were asked; choose it again.", "running by now", "Changed")
_NOT_FOUND = Refusal("There is no such workload, or you may not see it.", "no longer there", "NotFound")


def bulk(ids: Collection[int], verb: Verb, by: User, losing: Collection[int] | None = None) -> Outcome:
    """`verb` for each; what one refuses does not hold up the others.

    `losing`: those of which `by` was told that something is lost; others that would lose something
    are left. None where nobody was asked. As many queries for a hundred as for one.
    """
    outcome, availability = Outcome(), Availability(by)
    told = None if losing is None else frozenset(losing)
    with transaction.atomic():
        rows = {row.pk: row for row in _locked(ids, by)}
        ready = []
        for pk in dict.fromkeys(ids):
            why = _refusal(availability, verb, rows.get(pk), told)
            if why:
                name = rows[pk].name if pk in rows else ""
                outcome.failed.append(Failure(pk, name, why.code, why.sentence))
            else:
                ready.append(rows[pk])
        if ready:
            asked_at = timezone.now()
            transitions.asked(ready, _DESIRED[verb])
            outcome.asked = _enqueue(ready, verb, by, asked_at)
    return outcome


def _locked(ids: Collection[int], by: User) -> list[Workload]:
    """What `by` may see of `ids`, locked in the order in which everybody locks workloads."""
    rows = (
        Workload.objects.visible_to(by).select_for_update(of=("self",)).select_related("project", "cluster")
    )
    return list(rows.defer("spec", "manifest").filter(pk__in=ids).order_by("pk"))


def _refusal(
    availability: Availability, verb: Verb, row: Workload | None, told: Collection[int] | None
) -> Refusal | None:
    if row is None:
        return _NOT_FOUND
    why = availability.refusal(verb, row)
    if why is None and told is not None and row.pk not in told and policies.loses(verb, row):
        return _CHANGED
    return why


def _one(workload: Workload, verb: Verb, by: User) -> Action:
    outcome = bulk([workload.pk], verb, by)
    for failure in outcome.failed:
        raise (Refused if failure.code == "Refused" else Denied)(failure.message)
    return outcome.asked[0]


def _enqueue(workloads: Collection[Workload], verb: Verb, by: User, at: datetime) -> list[Action]:
    made = Action.objects.bulk_create(
        Action(workload=workload, verb=verb, by=by, created_at=at, due_at=at) for workload in workloads
    )
    transaction.on_commit(lambda: tasks.wake_all([action.pk for action in made]), robust=True)
    return made
