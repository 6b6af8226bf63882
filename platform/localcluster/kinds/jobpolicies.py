"""What a Job makes of failures and successes: podFailurePolicy, limits for each index, successPolicy.

Their rules and defaults. `at` is where the spec stands: a Job's own, or that in a CronJob's template. Used by
`jobs` and `cronjobs`.
"""

from __future__ import annotations

from typing import Any

from localcluster import indexes, validation
from localcluster.validation import Problems

Obj = dict[str, Any]

_NO_LIMIT = 2**31 - 1
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATUSES = ("False", "True", "Unknown")
_MOST_RULES = 20
_INDEXED_ONLY = "requires indexed completion mode"


def default(spec: Obj) -> None:
    """A Job whose indexes have limits of their own has none of the whole."""
    spec.setdefault("backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else _NO_LIMIT)
    policy = spec.get("podFailurePolicy")
    spec.setdefault("podReplacementPolicy", "Failed" if policy else "TerminatingOrFailed")
    for rule in (policy or {}).get("rules") or []:
        for pattern in rule.get("onPodConditions") or []:
            pattern.setdefault("status", "True")


def validate(spec: Obj, at: str, problems: Problems) -> None:
    _validate_limits(spec, at, problems)
    if spec.get("podFailurePolicy"):
        _validate_failures(spec, at, problems)
    if spec.get("successPolicy") is None:
        return
    if spec.get("completionMode") != "Indexed":
        problems.invalid(f"{at}.successPolicy", spec["successPolicy"], _INDEXED_ONLY)
    else:
        _validate_successes(spec, f"{at}.successPolicy.rules", problems)


def _validate_limits(spec: Obj, at: str, problems: Problems) -> None:
    limit, most = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    if most is not None and limit is None:
        problems.required(f"{at}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
        problems.at_least(f"{at}.{name}", spec.get(name), 0)
        if spec.get(name) is not None and spec.get("completionMode") != "Indexed":
            problems.invalid(f"{at}.{name}", spec[name], _INDEXED_ONLY)
    if most is not None and most > (spec.get("completions") or most):
        problems.invalid(f"{at}.maxFailedIndexes", most, "must be less than or equal to completions")


# -- podFailurePolicy -------------------------------------------------------------------------------------


def _validate_failures(spec: Obj, at: str, problems: Problems) -> None:
    template = spec["template"]["spec"]
    if template.get("restartPolicy") != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        problems.invalid(f"{at}.template.spec.restartPolicy", template.get("restartPolicy"), why)
    containers = [*(template.get("initContainers") or []), *(template.get("containers") or [])]
    names = {one.get("name") for one in containers}
    rules = spec["podFailurePolicy"].get("rules") or []
    problems.at_most(f"{at}.podFailurePolicy.rules", len(rules), _MOST_RULES)
    for number, rule in enumerate(rules):
        where, action = f"{at}.podFailurePolicy.rules[{number}]", rule.get("action", "")
        problems.one_of(f"{where}.action", action, _ACTIONS)
        if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            problems.invalid(f"{where}.action", action, "requires the backoffLimitPerIndex to be set")
        _validate_rule(rule, where, names, problems)


def _validate_rule(rule: Obj, at: str, names: set[Any], problems: Problems) -> None:
    codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions") or []
    if codes and patterns:
        problems.wrong(at, "specifying both OnExitCodes and OnPodConditions is not supported")
    elif not codes and not patterns:
        problems.wrong(at, "specifying one of OnExitCodes and OnPodConditions is required")
    if codes:
        _validate_codes(codes, f"{at}.onExitCodes", names, problems)
    problems.at_most(f"{at}.onPodConditions", len(patterns), _MOST_RULES)
    for place, pattern in enumerate(patterns):
        where = f"{at}.onPodConditions[{place}]"
        problems.each(
            f"{where}.type", pattern.get("type"), validation.qualified_name(pattern.get("type") or "")
        )
        problems.one_of(f"{where}.status", pattern.get("status"), _STATUSES)


def _validate_codes(codes: Obj, at: str, names: set[Any], problems: Problems) -> None:
    operator, values, name = codes.get("operator", ""), codes.get("values") or [], codes.get("containerName")
    problems.one_of(f"{at}.operator", operator, _OPERATORS)
    if name is not None and name not in names:
        why = "must be one of the container or initContainer names in the pod template"
        problems.invalid(f"{at}.containerName", name, why)
    if not values:
        problems.invalid(f"{at}.values", values, "at least one value is required")
    problems.at_most(f"{at}.values", len(values), 255)
    if values != sorted(values):
        problems.invalid(f"{at}.values", values, "must be ordered")
    for place, value in enumerate(values):
        if operator == "In" and value == 0:
            problems.invalid(f"{at}.values[{place}]", value, "must not be 0 for the In operator")
        if value in values[:place]:
            problems.duplicate(f"{at}.values[{place}]", value)


# -- successPolicy ----------------------------------------------------------------------------------------


def _validate_successes(spec: Obj, at: str, problems: Problems) -> None:
    rules = spec["successPolicy"].get("rules") or []
    if not rules:
        why = "at least one rules must be specified when the successPolicy is specified"
        problems.required(at, why)
    problems.at_most(at, len(rules), _MOST_RULES)
    for number, rule in enumerate(rules):
        _validate_success(rule, spec.get("completions") or 0, f"{at}[{number}]", problems)


def _validate_success(rule: Obj, completions: int, at: str, problems: Problems) -> None:
    text, count = rule.get("succeededIndexes"), rule.get("succeededCount")
    if text is None and count is None:
        problems.required(at, "at least one of succeededCount or succeededIndexes must be specified")
    named = None
    if text is not None:
        try:
            named = indexes.checked(text, completions)
        except ValueError as error:
            problems.invalid(f"{at}.succeededIndexes", text, f"error parsing succeededIndexes: {error}")
    if count is None:
        return
    problems.at_least(f"{at}.succeededCount", count, 0)
    if count > completions:
        why = f"must be less than or equal to {completions} (the number of specified completions)"
        problems.invalid(f"{at}.succeededCount", count, why)
    if named is not None and count > len(named):
        of = "(the number of indexes in the specified succeededIndexes field)"
        problems.invalid(f"{at}.succeededCount", count, f"must be less than or equal to {len(named)} {of}")
