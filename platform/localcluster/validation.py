"""The rules of all metadata (names, labels, annotations, owners), and Problems, which collects the breaches.

Kinds add their own rules in `localcluster.kinds`; `rules` calls both and raises one 422 with every cause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from localcluster.status import Cause

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_ANNOTATIONS_LIMIT = 256 * 1024
MAX_SECONDS = 2**31 - 1  # the longest time to ask for: more might lead past the end of the calendar

_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


class Problems:
    """Collects field errors in Kubernetes' words; `causes` goes into the Status of a 422."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def _add(self, reason: str, field: str, message: str, detail: str = "") -> None:
        message = f"{message}: {detail}" if detail else message
        self.causes.append({"reason": reason, "message": message, "field": field})

    def required(self, field: str, detail: str = "") -> None:
        self._add("FieldValueRequired", field, "Required value", detail)

    def invalid(self, field: str, value: Any, detail: str) -> None:
        self._add("FieldValueInvalid", field, f"Invalid value: {_shown(value)}", detail)

    def wrong(self, field: str, detail: str) -> None:
        """Invalid as a whole: its value would say nothing."""
        self._add("FieldValueInvalid", field, "Invalid value", detail)

    def unsupported(self, field: str, value: Any, supported: Iterable[str]) -> None:
        choices = ", ".join(f'"{one}"' for one in sorted(supported))
        message = f"Unsupported value: {_shown(value)}"
        self._add("FieldValueNotSupported", field, message, f"supported values: {choices}")

    def duplicate(self, field: str, value: Any) -> None:
        self._add("FieldValueDuplicate", field, f"Duplicate value: {_shown(value)}")

    def forbidden(self, field: str, detail: str) -> None:
        self._add("FieldValueForbidden", field, "Forbidden", detail)

    def too_long(self, field: str, limit: int) -> None:
        self._add("FieldValueTooLong", field, "Too long", f"may not be more than {limit} bytes")

    def too_many(self, field: str, count: int, limit: int) -> None:
        self._add("FieldValueTooMany", field, f"Too many: {count}", f"must have at most {limit} items")

    def mistyped(self, field: str, value: Any, detail: str) -> None:
        self._add("FieldValueTypeInvalid", field, f"Invalid value: {_shown(value)}", detail)

    def not_found(self, field: str, value: Any) -> None:
        self._add("FieldValueNotFound", field, f"Not found: {_shown(value)}")

    def each(self, field: str, value: Any, details: Iterable[str]) -> None:
        for detail in details:
            self.invalid(field, value, detail)

    def immutable(self, field: str, new: Any, old: Any) -> None:
        """A breach when the field changed at all."""
        if new != old:
            self.invalid(field, new, "field is immutable")

    def at_least(self, field: str, value: int | None, low: int) -> None:
        if value is not None and value < low:
            self.invalid(field, value, f"must be greater than or equal to {low}")

    def at_most(self, field: str, count: int, limit: int) -> None:
        """A breach when there are more items than `limit`."""
        if count > limit:
            self.too_many(field, count, limit)

    def within(self, field: str, value: int, low: int, high: int) -> None:
        if not low <= value <= high:
            self.invalid(field, value, f"must be between {low} and {high}, inclusive")

    def one_of(self, field: str, value: str | None, supported: Iterable[str]) -> None:
        if value is not None and value not in supported:
            self.unsupported(field, value, supported)


def _shown(value: Any) -> str:
    """A value as an error message shows it, cut where someone sent a novel."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 400 else text[:400] + "..."


def dns_label(name: str) -> list[str]:
    """What is wrong with `name` as an RFC 1123 label; [] when nothing."""
    return _length(name, 63) + ([] if _LABEL.fullmatch(name) or len(name) > 63 else [_LABEL_WORDS])


def dns_1035_label(name: str) -> list[str]:
    return _length(name, 63) + ([] if _LABEL_1035.fullmatch(name) or len(name) > 63 else [_LABEL_1035_WORDS])


def dns_subdomain(name: str) -> list[str]:
    return _length(name, 253) + ([] if len(name) > 253 or _SUBDOMAIN.fullmatch(name) else [_SUBDOMAIN_WORDS])


def qualified_name(key: str) -> list[str]:
    """What is wrong with a label or annotation key, "name" or "prefix.example/name"."""
    prefix, slash, name = key.rpartition("/")
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {words}" for words in dns_subdomain(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 characters")
    elif not _NAME_PART.fullmatch(name):
        problems.append(_QUALIFIED_WORDS)
    return problems


def label_value(value: str) -> list[str]:
    if len(value) > 63:
        return ["must be no more than 63 characters"]
    return [] if not value or _NAME_PART.fullmatch(value) else [_VALUE_WORDS]


def check_labels(labels: dict[str, str], field: str, problems: Problems) -> None:
    for key, value in labels.items():
        problems.each(field, key, qualified_name(key))
        problems.each(field, value, label_value(value))


def check_metadata(metadata: dict[str, Any], name_rule: Any, problems: Problems) -> None:
    """Name, labels, annotations, owner references and finalizers of any object."""
    if metadata.get("generateName"):
        problems.each("metadata.generateName", metadata["generateName"], name_rule(_unsuffixed(metadata)))
    if not metadata.get("name"):
        problems.required("metadata.name", "name or generateName is required")
    else:
        problems.each("metadata.name", metadata["name"], name_rule(metadata["name"]))
    check_labels(metadata.get("labels") or {}, "metadata.labels", problems)
    _check_annotations(metadata.get("annotations") or {}, problems)
    _check_owners(metadata.get("ownerReferences") or [], problems)
    for index, finalizer in enumerate(metadata.get("finalizers") or []):
        problems.each(f"metadata.finalizers[{index}]", finalizer, qualified_name(finalizer))


def _unsuffixed(metadata: dict[str, Any]) -> str:
    """A generateName with its trailing dash made to stand for the random suffix that follows."""
    return metadata["generateName"].removesuffix("-") or "-"


def _check_annotations(annotations: dict[str, str], problems: Problems) -> None:
    for key in annotations:
        problems.each("metadata.annotations", key, qualified_name(key.lower()))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_LIMIT:
        problems.too_long("metadata.annotations", _ANNOTATIONS_LIMIT)


def _check_owners(owners: list[dict[str, Any]], problems: Problems) -> None:
    for owner in owners:
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                problems.required(f"metadata.ownerReferences.{part}", "must not be empty")
    controllers = [owner for owner in owners if owner.get("controller")]
    if len(controllers) > 1:
        why = "Only one reference can have Controller set to true"
        problems.invalid("metadata.ownerReferences", controllers[1].get("name", ""), why)


def _length(name: str, limit: int) -> list[str]:
    return [f"must be no more than {limit} characters"] if len(name) > limit else []
