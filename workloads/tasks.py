"""Celery tasks of the workloads room: perform what an Action row asks for, and find those left lying.

The row is the truth, Celery only wakes it. Performing twice is harmless: a workload is created under
one name with our key on it, stop, run and delete are the same however often they are said.
"""

import json
import logging
from datetime import timedelta

from celery import shared_task
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from runyard.clusters.connection import ApiError, ClusterError, connect
from workloads import transitions
from workloads.kinds import KINDS
from workloads.models import Action, Verb, Workload
from workloads.spec import KEY_LABEL

log = logging.getLogger(__name__)
CLAIM = timedelta(seconds=30)
GIVE_UP_AFTER = timedelta(hours=1)


def wake(action: int) -> None:
    """Have `action` performed soon. No Redis is no error: the reaper finds the row."""
    try:
        perform.apply_async(args=[action], retry=False, expires=60)
    except Exception as error:
        log.warning("action %s waits for the reaper: %s", action, error)


@shared_task(name="workloads.reap")
def reap() -> None:
    """Wake what is due and unfinished: lost messages, killed workers, clusters that did not answer."""
    for action in Action.objects.filter(_due()).order_by("due_at").values_list("pk", flat=True)[:200]:
        wake(action)


def _due() -> Q:
    return Q(state__in=[Action.State.QUEUED, Action.State.CLAIMED], due_at__lte=timezone.now())


@shared_task(name="workloads.perform")
def perform(pk: int) -> None:
    """Perform one Action, unless somebody else has it or an earlier one of its workload is unfinished."""
    action = _claim(pk)
    if action is None:
        return
    try:
        uid = _VERBS[Verb(action.verb)](action.workload)
    except ApiError as error:
        _retry(action, error) if _passing(error) else _finish(action, error=str(error))
    except ClusterError as error:
        _retry(action, error)
    else:
        _finish(action, uid=uid)


def _claim(pk: int) -> Action | None:
    """Take the action for CLAIM seconds; a holder that dies loses it to the reaper."""
    with transaction.atomic():
        rows = Action.objects.select_for_update(of=("self",), skip_locked=True)
        action = rows.select_related("workload__cluster").filter(_due(), pk=pk).first()
        if action is None or _earlier(action):
            return None
        action.state, action.due_at, action.attempts = (
            Action.State.CLAIMED,
            timezone.now() + CLAIM,
            F("attempts") + 1,
        )
        action.save(update_fields=["state", "due_at", "attempts"])
        action.refresh_from_db(fields=["attempts"])
        return action


def _earlier(action: Action) -> bool:
    open_states = [Action.State.QUEUED, Action.State.CLAIMED]
    return Action.objects.filter(
        workload=action.workload_id, pk__lt=action.pk, state__in=open_states
    ).exists()


def _create(workload: Workload) -> str:
    path = KINDS[workload.kind].path(workload.namespace)
    try:
        return connect(workload.cluster).create(path, workload.manifest)["metadata"]["uid"]
    except ApiError as error:
        if error.code != 409:
            raise
        return _ours(workload, error)


def _ours(workload: Workload, conflict: ApiError) -> str:
    """The uid of the object that is in the way, if it is our own of an earlier try."""
    path = KINDS[workload.kind].path(workload.namespace, workload.name)
    meta = json.loads(connect(workload.cluster).read("GET", path))["metadata"]
    if meta.get("labels", {}).get(KEY_LABEL) != str(workload.key):
        raise conflict
    return meta["uid"]


def _stop(workload: Workload) -> str:
    return _patch(workload, KINDS[workload.kind].stop)


def _run(workload: Workload) -> str:
    return _patch(workload, KINDS[workload.kind].run)


def _patch(workload: Workload, change: dict[str, object]) -> str:
    """Patch the object of our uid only: another one of the same name is refused."""
    if workload.uid is None:  # its creation failed: there is nothing to change
        return ""
    path = KINDS[workload.kind].path(workload.namespace, workload.name)
    guarded = {**change, "metadata": {"uid": workload.uid}}
    connect(workload.cluster).patch(path, guarded)
    return ""


def _delete(workload: Workload) -> str:
    if workload.uid is None:
        return ""
    path = KINDS[workload.kind].path(workload.namespace, workload.name)
    try:
        connect(workload.cluster).delete(path, uid=workload.uid)
    except ApiError as error:
        if error.code not in (404, 409):
            raise
    return ""


_VERBS = {Verb.CREATE: _create, Verb.STOP: _stop, Verb.RUN: _run, Verb.DELETE: _delete}


def _passing(error: ApiError) -> bool:
    """Whether trying again may help."""
    return error.code >= 500 or error.code == 429


def _retry(action: Action, error: ClusterError) -> None:
    """Wait longer each time, 2 s to 60 s; give up after an hour."""
    if timezone.now() - action.created_at > GIVE_UP_AFTER:
        return _finish(action, error=str(error))
    wait = timedelta(seconds=min(60, 2 ** min(action.attempts, 6)))
    Action.objects.filter(pk=action.pk).update(
        state=Action.State.QUEUED, due_at=timezone.now() + wait, error=str(error)
    )
    return None


def _finish(action: Action, *, uid: str = "", error: str = "") -> None:
    """Write the outcome and let the workload follow, in one transaction."""
    state = Action.State.FAILED if error else Action.State.DONE
    with transaction.atomic():
        workload = Workload.objects.select_for_update(of=("self",)).get(pk=action.workload_id)
        done = Action.objects.filter(pk=action.pk, state=Action.State.CLAIMED, attempts=action.attempts)
        if not done.update(state=state, error=error, finished_at=timezone.now()):
            return  # another claim took over; its outcome counts
        _apply(workload, Verb(action.verb), uid, error)
    _wake_next(workload)


def _apply(workload: Workload, verb: Verb, uid: str, error: str) -> None:
    if verb == Verb.CREATE and error:
        transitions.refused(workload, error)
    elif verb == Verb.CREATE:
        transitions.created(workload, uid)
    elif error:
        transitions.reverted(workload)
    elif verb == Verb.DELETE and workload.uid is None:
        transitions.gone(workload)


def _wake_next(workload: Workload) -> None:
    following = Action.objects.filter(workload=workload, state=Action.State.QUEUED).order_by("pk").first()
    if following:
        wake(following.pk)
