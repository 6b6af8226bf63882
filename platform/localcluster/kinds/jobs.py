"""Rules of batch/v1 Jobs: defaults, the generated selector, what may change."""

from __future__ import annotations

import copy
import re
from datetime import datetime
from typing import Any

from localcluster import selectors, validation
from localcluster.kinds import jobpolicies, pod_spec
from localcluster.validation import Problems

Obj = dict[str, Any]

_UID_LABEL = "batch.kubernetes.io/controller-uid"
_NAME_LABEL = "batch.kubernetes.io/job-name"
_MODES = ("Indexed", "NonIndexed")
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")
_MAX_INDEXED = 100_000
_CONTROLLER = re.compile(r"[^/]+/.+")
_NEVER_NEGATIVE = (
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
_FIXED = (
    "selector",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "successPolicy",
    "managedBy",
)
_SCHEDULING = ("nodeSelector", "affinity", "tolerations", "schedulingGates")

FIELDS = {
    "status.successful": lambda obj: str(obj.get("status", {}).get("succeeded") or 0),
}


def default(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    jobpolicies.default(spec)
    pod_spec.default(spec.setdefault("template", {}).setdefault("spec", {}))


def prepare(obj: Obj, old: Obj | None, now: datetime) -> None:
    """On create: an empty status, the selector that no other job's pods can match, and labels."""
    if old is not None:
        return
    obj["status"] = {}
    spec, metadata = obj["spec"], obj["metadata"]
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    takes_them = bool(labels) and not metadata.get("labels")
    if not spec.get("manualSelector"):
        uid, name = metadata["uid"], metadata.get("name", "")  # a missing name is refused later
        labels |= {"controller-uid": uid, "job-name": name, _UID_LABEL: uid, _NAME_LABEL: name}
        spec.setdefault("selector", {}).setdefault("matchLabels", {})[_UID_LABEL] = uid
    if takes_them:
        metadata["labels"] = dict(labels)


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj["spec"]
    validate_counts(spec, "spec", problems)
    problems.one_of("spec.completionMode", spec["completionMode"], _MODES)
    replacements = ("Failed",) if spec.get("podFailurePolicy") else _REPLACEMENTS
    problems.one_of("spec.podReplacementPolicy", spec["podReplacementPolicy"], replacements)
    if spec["completionMode"] == "Indexed":
        _validate_indexed(obj, problems)
    if not _CONTROLLER.fullmatch(spec.get("managedBy") or "a/b"):
        why = 'must be a domain-prefixed path (such as "acme.io/foo")'
        problems.invalid("spec.managedBy", spec["managedBy"], why)
    _validate_template(spec, problems)
    if old is not None:
        _validate_change(spec, old, problems)


def validate_counts(spec: Obj, at: str, problems: Problems) -> None:
    for name in _NEVER_NEGATIVE:
        problems.at_least(f"{at}.{name}", spec.get(name), 0)


def _validate_indexed(obj: Obj, problems: Problems) -> None:
    spec = obj["spec"]
    if spec.get("completions") is None:
        problems.required("spec.completions", "when completion mode is Indexed")
        return
    for name in ("completions", "parallelism"):
        if spec[name] > _MAX_INDEXED:
            why = f"must be less than or equal to {_MAX_INDEXED} when completion mode is Indexed"
            problems.invalid(f"spec.{name}", spec[name], why)
    last_host = f"{obj['metadata'].get('name', '')}-{max(spec['completions'] - 1, 0)}"
    for why in validation.dns_label(last_host):
        problems.invalid(
            "metadata.name", last_host, f"will not able to create pod with invalid DNS label: {why}"
        )


def _validate_template(spec: Obj, problems: Problems) -> None:
    template, at = spec["template"], "spec.template"
    labels = template.get("metadata", {}).get("labels") or {}
    validation.check_labels(labels, f"{at}.labels", problems)
    selector = spec.get("selector")
    if not selector:
        problems.required("spec.selector")
    elif not selectors.match_labels(selector, labels):
        problems.invalid(f"{at}.metadata.labels", labels, "`selector` does not match template `labels`")
    validate_pods(spec, "spec", problems)


def validate_pods(spec: Obj, at: str, problems: Problems) -> None:
    """The pods of the job whose spec stands `at`, which end at some time, and how many may fail."""
    template = spec["template"]
    policy = template["spec"]["restartPolicy"]
    if policy in pod_spec.RESTART_POLICIES and policy == "Always":
        problems.required(f"{at}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    jobpolicies.validate(spec, at, problems)
    pod_spec.validate(template["spec"], f"{at}.template.spec", problems)


def _validate_change(spec: Obj, old: Obj, problems: Problems) -> None:
    before = old["spec"]
    for name in _FIXED:
        problems.immutable(f"spec.{name}", spec.get(name), before.get(name))
    _validate_completions(spec, before, problems)
    template, fixed = copy.deepcopy(spec["template"]), copy.deepcopy(before["template"])
    if before.get("suspend") and not old.get("status", {}).get("startTime"):
        _forget_scheduling(template)
        _forget_scheduling(fixed)
    problems.immutable("spec.template", template, fixed)


def _validate_completions(spec: Obj, before: Obj, problems: Problems) -> None:
    """An Indexed Job may grow and shrink, with as many pods as it has indexes."""
    if spec["completionMode"] != "Indexed":
        problems.immutable("spec.completions", spec.get("completions"), before.get("completions"))
    elif spec.get("completions") not in (before.get("completions"), spec["parallelism"]):
        why = "can only be modified in tandem with spec.parallelism"
        problems.invalid("spec.completions", spec.get("completions"), why)


def _forget_scheduling(template: Obj) -> None:
    """Drop what may still change while a job is suspended and has not begun."""
    for part in _SCHEDULING:
        template["spec"].pop(part, None)
    for part in ("labels", "annotations"):
        template.get("metadata", {}).pop(part, None)
