"""The manifest of a workload as people may see it: as submitted, as it is live, and how the two differ.

Used by the YAML page and the API. Secrets never leave this module: docs/secrets.md.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from runyard.clusters.connection import ApiError, ClusterError, connect
from workloads import manifests
from workloads.kinds import KINDS
from workloads.models import Workload
from workloads.status import TERMINAL

LIVE, SUBMITTED, DIFFERENCE = "live", "submitted", "difference"
TITLES = {LIVE: "Live", SUBMITTED: "As submitted", DIFFERENCE: "What differs"}
ANSWER_SECONDS = 10.0
NOT_OURS = "It was not submitted through Runyard, so there is no other manifest than the live one."


@dataclass
class Shown:
    """What one of the views shows: a YAML text or the lines of a difference, or in words why neither.

    `missing`: there is no such manifest; `unanswered`: the cluster could not say.
    """

    text: str = ""
    lines: list[manifests.Line] = field(default_factory=list)
    problem: str = ""
    missing: bool = False
    unanswered: bool = False


def shown(workload: Workload, of: str, *, managed: bool = False) -> Shown:
    """The view `of`, one of TITLES; `managed` unfolds managedFields. Asks the cluster for all but one."""
    if of not in TITLES:
        return Shown(problem=f"There is no view “{of[:40]}”; there is {', '.join(TITLES)}.")
    if of == SUBMITTED:
        return Shown(_yaml(workload.manifest)) if workload.manifest else Shown(problem=NOT_OURS, missing=True)
    try:
        found = _live(workload)
    except (ClusterError, msgspec.MsgspecError) as error:
        gone = isinstance(error, ApiError) and error.code == 404
        return Shown(problem=_why(workload, error), missing=gone, unanswered=not gone)
    if of == LIVE:
        return Shown(_yaml(found if managed else manifests.without_managed_fields(found)))
    return _difference(workload, found)


def _difference(workload: Workload, found: dict[str, Any]) -> Shown:
    if not workload.manifest:
        return Shown(problem=NOT_OURS, missing=True)
    live = manifests.as_submitted_shape(found)
    lines = manifests.difference(_yaml(workload.manifest), _yaml(live))
    return Shown(lines=lines, problem="" if lines else "The cluster has it exactly as it was submitted.")


def _live(workload: Workload) -> dict[str, Any]:
    path = KINDS[workload.kind].path(workload.namespace, workload.name)
    found: dict[str, Any] = msgspec.json.decode(
        connect(workload.cluster).read("GET", path, read_seconds=ANSWER_SECONDS), type=dict[str, Any]
    )
    if workload.uid and found.get("metadata", {}).get("uid") != workload.uid:
        raise ApiError(404, "NotFound", "")
    return found


def _why(workload: Workload, error: Exception) -> str:
    if workload.uid is None and not workload.deleted_at:
        return f"The cluster {'never had it' if workload.phase in TERMINAL else 'does not have it yet'}."
    if isinstance(error, ApiError) and error.code == 404:
        return "The cluster has it no more."
    return str(error) if isinstance(error, ClusterError) else "The cluster's answer cannot be read."


def _yaml(manifest: dict[str, Any]) -> str:
    return manifests.as_yaml(manifests.redacted(manifest))
