"""Rules of apps/v1 ReplicaSets and Deployments: defaults, and what may not change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from localcluster import selectors, validation
from localcluster.kinds import pod_spec
from localcluster.kinds.shape import Int, IntOrString, Plain, Shape
from localcluster.kinds.shapes import LabelSelector, PodTemplate
from localcluster.validation import Problems

Obj = dict[str, Any]
_STRATEGIES = ("Recreate", "RollingUpdate")
_QUARTER = "25%"
FIELDS = {"status.replicas": lambda obj: str(obj.get("status", {}).get("replicas", 0))}


class ReplicaSetSpec(Shape):
    replicas: Int | None = None
    min_ready_seconds: Int | None = None
    selector: LabelSelector | None = None
    template: PodTemplate | None = None


class ReplicaSet(Plain):
    spec: ReplicaSetSpec | None = None  # type: ignore[assignment]


class RollingUpdate(Shape):
    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class Strategy(Shape):
    type: str | None = None
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(ReplicaSetSpec):
    strategy: Strategy | None = None
    revision_history_limit: Int | None = None
    progress_deadline_seconds: Int | None = None
    paused: bool | None = None


class Deployment(Plain):
    spec: DeploymentSpec | None = None  # type: ignore[assignment]


def default(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    pod_spec.default(spec.setdefault("template", {}).setdefault("spec", {}))


def default_deployment(obj: Obj) -> None:
    default(obj)
    spec = obj["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", _QUARTER)
        rolling.setdefault("maxSurge", _QUARTER)


def prepare(obj: Obj, old: Obj | None, now: datetime) -> None:
    if old is None:
        obj["status"] = {}


def prepare_replica_set(obj: Obj, old: Obj | None, now: datetime) -> None:
    if old is None:
        obj["status"] = {"replicas": 0}


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj["spec"]
    for name in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        problems.at_least(f"spec.{name}", spec.get(name), 0)
    _validate_template(spec, problems)
    if old is not None:
        problems.immutable("spec.selector", spec.get("selector"), old["spec"].get("selector"))


def validate_deployment(obj: Obj, old: Obj | None, problems: Problems) -> None:
    validate(obj, old, problems)
    spec = obj["spec"]
    strategy = spec["strategy"]
    if strategy["type"] not in _STRATEGIES:
        problems.unsupported("spec.strategy", strategy, _STRATEGIES)
    rolling = strategy.get("rollingUpdate") or {}
    if strategy["type"] == "Recreate" and rolling:
        why = "may not be specified when strategy `type` is 'Recreate'"
        problems.forbidden("spec.strategy.rollingUpdate", why)
    for name in rolling:
        if amount(rolling[name], 100, up=True) is None:
            why = "must be an integer or a percentage (e.g. '1%')"
            problems.invalid(f"spec.strategy.rollingUpdate.{name}", rolling[name], why)
    if len(rolling) == 2 and not any(amount(one, 100, up=True) for one in rolling.values()):
        why = "may not be 0 when `maxSurge` is 0"
        problems.invalid("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], why)
    if spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        why = "must be greater than minReadySeconds"
        problems.invalid("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], why)


def amount(given: int | str, whole: int, *, up: bool) -> int | None:
    """A number, or a percentage of `whole` rounded `up` or down; None for neither."""
    if isinstance(given, int):
        return given if given >= 0 else None
    number = given.removesuffix("%")
    if not (given.endswith("%") and number.isascii() and number.isdigit()) or len(number) > 9:
        return None
    return (whole * int(number) + (99 if up else 0)) // 100


def _validate_template(spec: Obj, problems: Problems) -> None:
    validate_selected(spec, problems)
    pod_spec.validate(spec["template"]["spec"], "spec.template.spec", problems)


def validate_selected(spec: Obj, problems: Problems) -> None:
    """The template's labels, that the selector chooses them, and that its pods always run."""
    template, at = spec["template"], "spec.template"
    labels = template.get("metadata", {}).get("labels") or {}
    validation.check_labels(labels, f"{at}.metadata.labels", problems)
    selector = spec.get("selector")
    if selector is None:
        problems.required("spec.selector")
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        problems.invalid("spec.selector", selector, "empty selector is invalid for deployment")
    elif not selectors.match_labels(selector, labels):
        why = "`selector` does not match template `labels`"
        problems.invalid(f"{at}.metadata.labels", labels, why)
    if template["spec"]["restartPolicy"] != "Always":
        problems.unsupported(f"{at}.spec.restartPolicy", template["spec"]["restartPolicy"], ["Always"])
