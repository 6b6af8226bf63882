"""Rules of CustomResourceDefinitions: what they must say, and when what they define is served and goes.

One served version each, with a structural schema; `schemas` holds objects to it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from localcluster import jsonpaths, validation
from localcluster.kinds import schemas
from localcluster.kinds.shape import Int, Json, ObjectMeta, Shape
from localcluster.validation import Problems

if TYPE_CHECKING:
    from localcluster.registry import Registry

Obj = dict[str, Any]
KEY = "customresourcedefinitions.apiextensions.k8s.io"
_APPROVED, _PROTECTED = "api-approved.kubernetes.io", (".k8s.io", ".kubernetes.io")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_SIMPLE = re.compile(r"(\.[A-Za-z0-9_-]+)+")
_SCALE_PATHS = (
    ("specReplicasPath", (".spec.",), True),
    ("statusReplicasPath", (".status.",), True),
    ("labelSelectorPath", (".status.", ".spec."), False),
)
_ACCEPTED = (("NamesAccepted", "NoConflicts"), ("Established", "InitialNamesAccepted"))


class Custom(Shape):
    """Any custom resource; what it holds besides is its own."""

    kind: str | None = None
    api_version: str | None = None
    metadata: ObjectMeta | None = None


class Names(Shape):
    plural: str | None = None
    singular: str | None = None
    kind: str | None = None
    list_kind: str | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class ScalePaths(Shape):
    spec_replicas_path: str | None = None
    status_replicas_path: str | None = None
    label_selector_path: str | None = None


class Below(Shape):
    status: Json | None = None
    scale: ScalePaths | None = None


class PrinterColumn(Shape):
    name: str | None = None
    type: str | None = None
    format: str | None = None
    description: str | None = None
    priority: Int | None = None
    json_path: str | None = msgspec.field(default=None, name="jsonPath")


class Validation(Shape):
    open_api_v3_schema: schemas.Props | None = msgspec.field(default=None, name="openAPIV3Schema")


class Version(Shape):
    name: str | None = None
    served: bool | None = None
    storage: bool | None = None
    schema: Validation | None = None
    subresources: Below | None = None
    additional_printer_columns: list[PrinterColumn] | None = None


class Spec(Shape):
    group: str | None = None
    names: Names | None = None
    scope: str | None = None
    versions: list[Version] | None = None


class Definition(Custom):
    spec: Spec | None = None
    status: Json | None = None


def default(obj: Obj) -> None:
    names = (obj.get("spec") or {}).get("names") or {}
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")


def prepare(obj: Obj, old: Obj | None, now: datetime) -> None:
    """What is defined is served at once."""
    if old is not None or "spec" not in obj:
        return
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    obj["status"] = {
        "acceptedNames": dict(obj["spec"].get("names") or {}),
        "conditions": [
            {"type": type_, "status": "True", "reason": reason, "lastTransitionTime": at}
            for type_, reason in _ACCEPTED
        ],
        "storedVersions": [one.get("name", "") for one in obj["spec"].get("versions") or []],
    }


def validate(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    for name in ("plural", "kind"):
        if not names.get(name):
            problems.required(f"spec.names.{name}")
        problems.each(
            f"spec.names.{name}", names.get(name), validation.dns_1035_label((names.get(name) or "").lower())
        )
    problems.each("spec.group", group, validation.dns_subdomain(group))
    if "." not in group:
        problems.invalid("spec.group", group, "should be a domain with at least one dot")
    if f".{group}".endswith(_PROTECTED) and not (obj["metadata"].get("annotations") or {}).get(_APPROVED):
        problems.required(f"metadata.annotations[{_APPROVED}]", "protected groups must have it")
    if obj["metadata"].get("name") != f"{names.get('plural')}.{group}":
        problems.invalid(
            "metadata.name", obj["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group'
        )
    problems.one_of("spec.scope", spec.get("scope") or "", ("Cluster", "Namespaced"))
    _check_versions(spec.get("versions") or [], problems)
    if old is not None:
        for part in ("group", "scope"):
            problems.immutable(f"spec.{part}", spec.get(part), old["spec"].get(part))
        problems.immutable("spec.names.plural", names.get("plural"), old["spec"]["names"].get("plural"))
        problems.immutable("spec.versions[*].name", _names(spec), _names(old["spec"]))  # nothing converts


def _names(spec: Obj) -> list[Any]:
    return [one.get("name") for one in spec.get("versions") or []]


def _check_versions(versions: list[Obj], problems: Problems) -> None:
    if len(versions) != 1 or not versions[0].get("served") or not versions[0].get("storage"):
        problems.invalid(
            "spec.versions",
            _names({"versions": versions}),
            "this cluster serves exactly one version of a custom resource, which has to be served and stored",
        )
    for index, version in enumerate(versions):
        where, name = f"spec.versions[{index}]", version.get("name") or ""
        problems.each(f"{where}.name", name, validation.dns_label(name))
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            problems.required(f"{where}.schema.openAPIV3Schema", "schemas are required")
        else:
            schemas.check_schema(schema, f"{where}.schema.openAPIV3Schema", problems)
        _check_columns(version.get("additionalPrinterColumns") or [], where, problems)
        if (scale := (version.get("subresources") or {}).get("scale")) is not None:
            _check_scale(scale, f"{where}.subresources.scale", problems)


def _check_columns(columns: list[Obj], where: str, problems: Problems) -> None:
    for index, column in enumerate(columns):
        at = f"{where}.additionalPrinterColumns[{index}]"
        if not column.get("name"):
            problems.required(f"{at}.name")
        problems.one_of(f"{at}.type", column.get("type", ""), _COLUMN_TYPES)
        if not column.get("jsonPath"):
            problems.required(f"{at}.jsonPath")
            continue
        try:
            jsonpaths.parse(column["jsonPath"])
        except ValueError as error:
            problems.invalid(f"{at}.jsonPath", column["jsonPath"], str(error))


def _check_scale(scale: Obj, at: str, problems: Problems) -> None:
    for name, below, needed in _SCALE_PATHS:
        path = scale.get(name, "")
        if needed and not path:
            problems.required(f"{at}.{name}")
        elif path and not (path.startswith(below) and _SIMPLE.fullmatch(path)):
            words = "should be a json path under " + " or ".join(below)
            problems.invalid(f"{at}.{name}", path, words)


def stored(registry: Registry, obj: Obj) -> None:
    registry.served.define(obj)


def erased(registry: Registry, obj: Obj) -> None:
    """With a definition goes all that it defined, whatever finalizers say: nobody could take them away."""
    registry.erase_all(obj["metadata"]["name"])
    registry.served.drop(obj["metadata"]["name"])
