"""Kinds that are asked and not stored: who am I, and what may I. There is one user, who may do everything."""

from __future__ import annotations

from typing import Any

from localcluster.kinds.shape import Json, Plain, Shape
from localcluster.status import bad_request, invalid
from localcluster.validation import Problems

Obj = dict[str, Any]

USER = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
_EVERYTHING = "the one user of this cluster may do everything"


class ResourceAttributes(Shape):
    namespace: str | None = None
    verb: str | None = None
    group: str | None = None
    version: str | None = None
    resource: str | None = None
    subresource: str | None = None
    name: str | None = None


class AccessSpec(Shape):
    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: Json | None = None


class AccessReview(Plain):
    spec: AccessSpec | None = None  # type: ignore[assignment]


class RulesSpec(Shape):
    namespace: str | None = None


class RulesReview(Plain):
    spec: RulesSpec | None = None  # type: ignore[assignment]


def who_am_i(body: Obj) -> Obj:
    return body | {"status": {"userInfo": USER}}


def may_i(body: Obj) -> Obj:
    """422 for a question about nothing, or about two things."""
    spec, problems = body.get("spec") or {}, Problems()
    asked = [name for name in ("resourceAttributes", "nonResourceAttributes") if name in spec]
    if not asked:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        problems.invalid("spec.resourceAttributes", None, why)
    elif len(asked) == 2:
        why = "cannot be specified in combination with resourceAttributes"
        problems.invalid("spec.nonResourceAttributes", spec["nonResourceAttributes"], why)
    if problems.causes:
        raise invalid("SelfSubjectAccessReview", "authorization.k8s.io", "", problems.causes)
    return body | {"status": {"allowed": True, "reason": _EVERYTHING}}


def what_may_i(body: Obj) -> Obj:
    if not (body.get("spec") or {}).get("namespace"):
        raise bad_request("no namespace on request")
    rules = {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    return body | {"status": rules | {"incomplete": False}}
