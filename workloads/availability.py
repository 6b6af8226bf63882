"""Whether an action can be done, for many rows at once: first the right, then what the state allows.

The one check behind the grey button and behind the action itself: pages show it, `actions` enforces it.
"""

from functools import cached_property
from typing import Any

from runyard.tenancy.access import denial, known_projects, may, who_grants, whom_to_ask
from workloads import policies
from workloads.models import Verb, Workload
from workloads.policies import Refusal

VERBS = (Verb.STOP, Verb.RUN, Verb.DELETE)


class Availability:
    """For one person and one request: a missing right is put into words once a project."""

    def __init__(self, user: Any) -> None:
        self._user = user
        self._denials: dict[tuple[str, int | None], Refusal | None] = {}
        self._by_project: dict[int | None, dict[str, Refusal]] = {}

    @cached_property
    def _whom(self) -> dict[int, str]:
        """Whom to ask, by project: asked of the database once, and only where a right is missing."""
        return who_grants(known_projects(self._user))

    def why_not(self, workload: Workload) -> dict[str, Refusal | None]:
        """By verb, and for "copy", why it cannot be done to `workload` now; None where it can."""
        project = workload.project_id
        if project not in self._by_project:
            denied = {verb: self._denied(verb, workload) for verb in ("stop", "run", "delete", "copy")}
            self._by_project[project] = {verb: why for verb, why in denied.items() if why}
        return {"copy": None, **policies.refusals(workload), **self._by_project[project]}

    def connect(self, workload: Workload) -> Refusal | None:
        """Why no tool of `workload` can be opened now."""
        return self._denied("connect", workload) or policies.connecting(workload)

    def refusal(self, verb: Verb, workload: Workload) -> Refusal | None:
        return self._denied(verb.value, workload) or policies.refusal(verb, workload)

    def _denied(self, verb: str, workload: Workload) -> Refusal | None:
        key = (verb, workload.project_id)
        if key not in self._denials:
            allowed = may(self._user, verb, workload)
            self._denials[key] = None if allowed else self._as_refusal(verb, workload)
        return self._denials[key]

    def _as_refusal(self, verb: str, workload: Workload) -> Refusal:
        whom = self._whom.get(workload.project_id or 0) or whom_to_ask(workload)
        where = f"in project {workload.project}" if workload.project else "in no project"
        return Refusal(
            denial(verb, workload, whom=whom), f"not yours to {verb} {where}; ask {whom}", code="Denied"
        )
