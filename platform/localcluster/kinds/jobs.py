"""Rules of batch/v1 Jobs: defaults, the generated selector, what may change."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from localcluster import selectors, validation
from localcluster.kinds import pod_spec
from localcluster.validation import Problems

Obj = dict[str, Any]

_UID_LABEL = "batch.kubernetes.io/controller-uid"
_NAME_LABEL = "batch.kubernetes.io/job-name"
_MODES = ("Indexed", "NonIndexed")
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")
_MAX_INDEXED = 100_000
_NEVER_NEGATIVE = (
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
_NOT_OFFERED = ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy")  # unheeded, they would mislead
_ACTIONS = ("Count", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_FIXED = (
    "selector",
    "completionMode",
    "podFailurePolicy",
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
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault(
        "podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    )
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
    problems.one_of("spec.podReplacementPolicy", spec["podReplacementPolicy"], _REPLACEMENTS)
    if spec["completionMode"] == "Indexed":
        _validate_indexed(obj, problems)
    for name in _NOT_OFFERED:
        if spec.get(name) is not None:
            problems.forbidden(f"spec.{name}", "the embedded cluster does not offer this field")
    _validate_failure_policy(spec, problems)
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


def _validate_failure_policy(spec: Obj, problems: Problems) -> None:
    for index, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or []):
        at = f"spec.podFailurePolicy.rules[{index}]"
        problems.one_of(f"{at}.action", rule.get("action", ""), _ACTIONS)
        codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions") or []
        if bool(codes) == bool(patterns):
            problems.invalid(at, rule, "specifying one of OnExitCodes and OnPodConditions is required")
        if codes:
            problems.one_of(f"{at}.onExitCodes.operator", codes.get("operator", ""), _OPERATORS)
            if not codes.get("values"):
                problems.required(f"{at}.onExitCodes.values")
        for place, pattern in enumerate(patterns):
            if not pattern.get("type"):
                problems.required(f"{at}.onPodConditions[{place}].type")


def _validate_template(spec: Obj, problems: Problems) -> None:
    template, at = spec["template"], "spec.template"
    labels = template.get("metadata", {}).get("labels") or {}
    validation.check_labels(labels, f"{at}.labels", problems)
    selector = spec.get("selector")
    if not selector:
        problems.required("spec.selector")
    elif not selectors.match_labels(selector, labels):
        problems.invalid(f"{at}.metadata.labels", labels, "`selector` does not match template `labels`")
    validate_pods(spec, at, problems)


def validate_pods(spec: Obj, at: str, problems: Problems) -> None:
    """What the pods of a job are made of, `at` which it stands; they end at some time."""
    template = spec["template"]
    policy = template["spec"]["restartPolicy"]
    if policy in pod_spec.RESTART_POLICIES and policy == "Always":
        problems.required(f"{at}.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    if spec.get("podFailurePolicy") and policy != "Never":
        problems.invalid(
            f"{at}.spec.restartPolicy", policy, 'only "Never" is supported when podFailurePolicy is specified'
        )
    pod_spec.validate(template["spec"], f"{at}.spec", problems)


def _validate_change(spec: Obj, old: Obj, problems: Problems) -> None:
    before = old["spec"]
    for name in _FIXED:
        problems.immutable(f"spec.{name}", spec.get(name), before.get(name))
    elastic = spec["completionMode"] == "Indexed" and spec.get("completions") == spec["parallelism"]
    if not elastic:
        problems.immutable("spec.completions", spec.get("completions"), before.get("completions"))
    template, fixed = copy.deepcopy(spec["template"]), copy.deepcopy(before["template"])
    if before.get("suspend") and not old.get("status", {}).get("startTime"):
        _forget_scheduling(template)
        _forget_scheduling(fixed)
    problems.immutable("spec.template", template, fixed)


def _forget_scheduling(template: Obj) -> None:
    """Drop what may still change while a job is suspended and has not begun."""
    for part in _SCHEDULING:
        template["spec"].pop(part, None)
    for part in ("labels", "annotations"):
        template.get("metadata", {}).pop(part, None)
