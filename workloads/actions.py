"""What people can do to workloads. Pages, API, bulk bar and CLI call these and nothing else.

Each checks right, then state, then writes one Action row and the intended state in one transaction;
a Celery task is woken after commit, and the reaper finds the row should that be lost.
Raises Denied (the right is missing, and who can grant it), Refused (state or kind does not allow it)
or Invalid (what was submitted, by field).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.utils import timezone

from runyard.clusters.models import Cluster
from runyard.tenancy.access import Denied, require
from runyard.tenancy.models import Project, User
from workloads import policies, queries, spec, tasks, transitions
from workloads.models import Action, SubmittedThrough, Verb, Workload
from workloads.policies import Refused
from workloads.status import Desired


class Invalid(Exception):
    """What was submitted cannot be; `fields` says what is wrong, by field."""

    def __init__(self, fields: dict[str, str]):
        super().__init__("; ".join(f"{name}: {words}" for name, words in fields.items()))
        self.fields = fields


@dataclass
class Outcome:
    """What a bulk request came to, one entry per workload."""

    succeeded: list[int] = field(default_factory=list)
    failed: list[tuple[int, str, str]] = field(default_factory=list)  # (id, code, message)


def submit(
    by: User,
    project: Project,
    cluster: Cluster,
    training: spec.TrainingSpec,
    through: SubmittedThrough = SubmittedThrough.FORM,
) -> Workload:
    """Write the workload as Creating and ask for it on `cluster`, in the project's namespace."""
    require(by, "create", project, noun="workload")
    wrong = spec.problems(training)
    if "name" not in wrong and queries.is_taken(cluster, project.namespace, training.name):
        wrong["name"] = _TAKEN.format(name=training.name, project=project)
    if wrong:
        raise Invalid(wrong)
    try:
        with transaction.atomic():
            workload = transitions.submitted(by, project, cluster, training, through)
            _enqueue(workload, Verb.CREATE, by)
    except IntegrityError as error:
        raise Invalid({"name": _TAKEN.format(name=training.name, project=project)}) from error
    return workload


_TAKEN = "There is a workload {name} in project {project} already; choose another name."


def stop(workload: Workload, by: User) -> Action:
    """Ask the cluster to suspend `workload`; its pods end within their grace period."""
    return _ask(workload, Verb.STOP, by, Desired.STOPPED)


def run(workload: Workload, by: User) -> Action:
    """Ask the cluster to run a stopped `workload` again."""
    return _ask(workload, Verb.RUN, by, Desired.RUNNING)


def delete(workload: Workload, by: User) -> Action:
    """Ask the cluster to delete `workload` with its pods; the row stays, marked deleted."""
    return _ask(workload, Verb.DELETE, by, Desired.DELETED)


VERBS = {Verb.STOP: stop, Verb.RUN: run, Verb.DELETE: delete}


def bulk(workloads: Iterable[Workload], verb: Verb, by: User) -> Outcome:
    """`verb` for each; what one refuses does not hold up the others."""
    outcome = Outcome()
    for workload in workloads:
        try:
            VERBS[verb](workload, by)
            outcome.succeeded.append(workload.pk)
        except Denied as error:
            outcome.failed.append((workload.pk, "Denied", str(error)))
        except Refused as error:
            outcome.failed.append((workload.pk, "Refused", str(error)))
    return outcome


def _ask(workload: Workload, verb: Verb, by: User, desired: Desired) -> Action:
    require(by, verb.value, workload)
    with transaction.atomic():
        row = Workload.objects.select_for_update(of=("self",)).get(pk=workload.pk)
        why_not = policies.refusal(verb, row)
        if why_not:
            raise Refused(why_not)
        transitions.asked(row, desired)
        return _enqueue(row, verb, by)


def _enqueue(workload: Workload, verb: Verb, by: User) -> Action:
    now = timezone.now()
    action = Action.objects.create(workload=workload, verb=verb, by=by, created_at=now, due_at=now)
    transaction.on_commit(lambda: tasks.wake(action.pk), robust=True)
    return action
