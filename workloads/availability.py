"""Why an action's button is grey, for many rows at once: the words of the very checks the server enforces.

Used by pages and the API to show what can be done; `actions` alone decides.
"""

from typing import Any

from runyard.tenancy.access import denial, may
from workloads import policies
from workloads.models import Verb, Workload

VERBS = (Verb.STOP, Verb.RUN, Verb.DELETE)


class Availability:
    """For one person and one request: the sentence of a missing right is looked up once a project."""

    def __init__(self, user: Any) -> None:
        self._user = user
        self._denials: dict[tuple[str, int | None], str] = {}

    def why_not(self, workload: Workload) -> dict[str, str]:
        """By verb, why it cannot be done to `workload` now; empty where it can."""
        return {verb.value: self.reason(verb, workload) for verb in VERBS}

    def reason(self, verb: Verb, workload: Workload) -> str:
        return self._denied(verb, workload) or policies.refusal(verb, workload)

    def _denied(self, verb: Verb, workload: Workload) -> str:
        key = (verb.value, workload.project_id)
        if key not in self._denials:
            allowed = may(self._user, verb.value, workload)
            self._denials[key] = "" if allowed else denial(verb.value, workload)
        return self._denials[key]
