"""A Job's podFailurePolicy: which rule a failed pod meets first. Pure; used by the job controller."""

from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]


@dataclass(frozen=True)
class Match:
    """The action (FailJob, FailIndex, Ignore, Count) for one failed pod, and why in Kubernetes' words."""

    action: str
    message: str = ""


def judge(job: Obj, pod: Obj) -> Match:
    """The first rule that holds; Count when none does."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or []
    for number, rule in enumerate(rules):
        what = _exit_code(rule["onExitCodes"], pod) if rule.get("onExitCodes") else _condition(rule, pod)
        if what:
            action = rule.get("action", "Count")
            return Match(action, f"{what} matching {action} rule at index {number}")
    return Match("Count")


def _exit_code(wanted: Obj, pod: Obj) -> str:
    meta, status = pod["metadata"], pod.get("status") or {}
    for one in [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]:
        code = ((one.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        if code == 0 or wanted.get("containerName") not in (None, one["name"]):
            continue
        if (code in (wanted.get("values") or [])) == (wanted.get("operator") == "In"):
            pod_name = f"{meta['namespace']}/{meta['name']}"
            return f"Container {one['name']} for pod {pod_name} failed with exit code {code}"
    return ""


def _condition(rule: Obj, pod: Obj) -> str:
    meta = pod["metadata"]
    for wanted in rule.get("onPodConditions") or []:
        for one in (pod.get("status") or {}).get("conditions") or []:
            if one["type"] == wanted["type"] and one["status"] == wanted.get("status", "True"):
                return f"Pod {meta['namespace']}/{meta['name']} has condition {one['type']}"
    return ""
