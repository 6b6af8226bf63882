"""Celery tasks of the workloads room: perform what an Action row asks for, and find those left lying.

The row is the truth, Celery only wakes it. Performing twice is harmless: a workload is created under
one name with our key on it, stop, run and delete are the same however often they are said.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from runyard.clusters.connection import ApiError, ClusterError, connect
from runyard.kit.background import soon
from workloads import transitions
from workloads.kinds import KINDS
from workloads.models import Action, Verb, Workload
from workloads.queueing.saying import is_switched
from workloads.queueing.schedulers import KUEUE
from workloads.spec import KEY_LABEL

log = logging.getLogger(__name__)
CLAIM = timedelta(seconds=120)  # longer than the requests of one attempt may take
GIVE_UP_AFTER = timedelta(hours=1)
MOST_WOKEN = 200
FIRST, LAST, FEW = 0, 6, 20  # Celery's priorities on Redis: the lowest number goes first


class Gone(Exception):
    """The cluster has the workload no more."""


def wake(action: int) -> None:
    """Have `action` performed soon. No Redis is no error: the reaper finds the row."""
    soon(_send, action, FIRST)


def wake_all(actions: Sequence[int]) -> None:
    """As `wake`; many of them let others go first."""
    for action in actions:
        soon(_send, action, FIRST if len(actions) <= FEW else LAST)


def _send(action: int, priority: int) -> None:
    try:
        perform.apply_async(args=[action], retry=False, expires=60, priority=priority)
    except Exception as error:
        log.warning("action %s waits for the reaper: %s", action, error)


@shared_task(name="workloads.reap")
def reap() -> None:
    """Wake what is due and next in line: lost messages, killed workers, clusters that did not answer."""
    earlier = _before(OuterRef("workload"), OuterRef("pk"))
    ready = Action.objects.filter(~Exists(earlier), _due()).order_by("due_at")
    for action in ready.values_list("pk", flat=True)[:MOST_WOKEN]:
        wake(action)


def _due() -> Q:
    return Q(state__in=Action.OPEN, due_at__lte=timezone.now())


def _before(workload: Any, pk: Any) -> QuerySet[Action]:
    """What must be finished first: actions of one workload keep their order."""
    return Action.objects.filter(state__in=Action.OPEN, workload=workload, pk__lt=pk)


@shared_task(name="workloads.perform")
def perform(pk: int) -> None:
    """Perform one Action, unless somebody else has it or an earlier one of its workload is unfinished."""
    action = _claim(pk)
    if action is None:
        return
    try:
        uid = _VERBS[Verb(action.verb)](action.workload)
    except Gone:
        _finish(action, gone=True)
    except ApiError as error:
        _retry(action, error) if _passing(error) else _finish(action, error=str(error))
    except ClusterError as error:
        _retry(action, error)
    else:
        _finish(action, uid=uid)


def _claim(pk: int) -> Action | None:
    """Take the action for CLAIM; a holder that dies loses it to the reaper."""
    with transaction.atomic():
        rows = Action.objects.select_for_update(of=("self",), skip_locked=True)
        action = rows.select_related("workload__cluster").filter(_due(), pk=pk).first()
        if action is None or _before(action.workload_id, pk).exists():
            return None
        action.state, action.due_at = Action.State.CLAIMED, timezone.now() + CLAIM
        action.attempts += 1
        action.save(update_fields=["state", "due_at", "attempts"])
        return action


def _create(workload: Workload) -> str:
    path = KINDS[workload.kind].path(workload.namespace)
    try:
        return connect(workload.cluster).create(path, workload.manifest)
    except ApiError as error:
        if error.code != 409:
            raise
        return _ours(workload, error)


def _ours(workload: Workload, conflict: ApiError) -> str:
    """The uid of the object that is in the way, if it is our own of an earlier try."""
    meta = connect(workload.cluster).meta(_path(workload))
    if (meta.labels or {}).get(KEY_LABEL) != str(workload.key):
        raise conflict
    return meta.uid


def _stop(workload: Workload) -> str:
    return _switch(workload, active=False) or _patch(workload, KINDS[workload.kind].stop)


def _run(workload: Workload) -> str:
    return _switch(workload, active=True) or _patch(workload, KINDS[workload.kind].run)


def _switch(workload: Workload, *, active: bool) -> str:
    """Set the switch of the queue that holds it: it undoes any other stop. Its uid; empty for none there."""
    if not is_switched(workload.queueing):
        return ""
    name, uid = workload.queueing["name"], workload.queueing["uid"]
    for path in KUEUE.paths(workload.namespace, name):
        try:
            connect(workload.cluster).patch(path, {"spec": {"active": active}, "metadata": {"uid": uid}})
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            return str(uid)
    return ""


def _patch(workload: Workload, change: dict[str, object]) -> str:
    """Patch the object of our uid only: another one of the same name is refused."""
    if workload.uid is None:  # its creation failed: there is nothing to change
        return ""
    try:
        connect(workload.cluster).patch(_path(workload), {**change, "metadata": {"uid": workload.uid}})
    except ApiError as error:
        raise Gone if error.code == 404 else error from error
    return ""


def _delete(workload: Workload) -> str:
    if workload.uid is None:
        raise Gone
    try:
        connect(workload.cluster).delete(_path(workload), uid=workload.uid)
    except ApiError as error:
        raise Gone if error.code in (404, 409) else error from error
    return ""


_VERBS = {Verb.CREATE: _create, Verb.STOP: _stop, Verb.RUN: _run, Verb.DELETE: _delete}


def _path(workload: Workload) -> str:
    return KINDS[workload.kind].path(workload.namespace, workload.name)


def _passing(error: ApiError) -> bool:
    """Whether trying again may help."""
    return error.code >= 500 or error.code == 429


def _retry(action: Action, error: ClusterError) -> None:
    """Wait longer each time, 2 s to 60 s; give up after an hour."""
    if timezone.now() - action.created_at > GIVE_UP_AFTER:
        return _finish(action, error=str(error))
    wait = timedelta(seconds=min(60, 2 ** min(action.attempts, 6)))
    _mine(action).update(state=Action.State.QUEUED, due_at=timezone.now() + wait, error=str(error))
    return None


def _mine(action: Action) -> QuerySet[Action]:
    """The row, while the claim of this attempt stands: after that a later one's outcome counts, not ours."""
    return Action.objects.filter(pk=action.pk, state=Action.State.CLAIMED, attempts=action.attempts)


def _finish(action: Action, *, uid: str = "", error: str = "", gone: bool = False) -> None:
    """Write the outcome and let the workload follow, in one transaction."""
    state = Action.State.FAILED if error else Action.State.DONE
    with transaction.atomic():
        workload = Workload.objects.select_for_update(of=("self",)).get(pk=action.workload_id)
        if not _mine(action).update(state=state, error=error, finished_at=timezone.now()):
            return
        following = Action.objects.filter(workload=workload, state__in=Action.OPEN).order_by("pk").first()
        if gone:
            transitions.gone(workload)
        elif action.verb == Verb.CREATE:
            transitions.refused(workload, error) if error else transitions.created(workload, uid)
        elif error and following is None:
            transitions.reverted(workload)
    if following:
        wake(following.pk)
