"""Label and field selectors: text from a query string into a predicate over objects.

Pure. The registry uses them for lists, the watches for deciding what enters and leaves a selection.
A selector that cannot be read raises ApiError 400.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from localcluster.status import bad_request

Obj = dict[str, Any]
Predicate = Callable[[Obj], bool]
LabelPredicate = Callable[[Mapping[str, str]], bool]
Fields = Mapping[str, Callable[[Obj], str]]

_KEY = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_EQUALS = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_IN = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_COMPARES = re.compile(rf"({_KEY})\s*([<>])\s*(-?[0-9]{{1,19}})")
_FIELD = re.compile(r"([^=!\s]+)\s*(==|=|!=)(.*)", re.DOTALL)


def labels(text: str) -> LabelPredicate | None:
    """The predicate of a label selector such as "app=web,tier in (a,b),!old"; None selects everything."""
    terms = [_label_term(term.strip(), text) for term in _terms(text)] if text.strip() else []
    if not terms:
        return None
    return lambda has: _all(terms, has)


def match_labels(selector: Obj, labels_: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object (matchLabels, matchExpressions) selects these labels; {} selects all."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels_.get(key) != value:
            return False
    return all(_expression(one, labels_) for one in selector.get("matchExpressions") or [])


def text(selector: Obj) -> str:
    """A LabelSelector object as a label selector's text."""
    signs = {"Exists": "{key}", "DoesNotExist": "!{key}", "In": "{key} in ({values})"}
    signs["NotIn"] = "{key} notin ({values})"
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or []:
        values = ",".join(sorted(one.get("values") or []))
        terms.append(signs[one["operator"]].format(key=one["key"], values=values))
    return ",".join(terms)


def fields(text: str, selectable: Fields, resource: str) -> Predicate | None:
    """The predicate of a field selector over the fields a kind offers; None selects everything."""
    terms = [
        _field_term(term.strip(), text, selectable, resource) for term in text.split(",") if term.strip()
    ]
    if not terms:
        return None
    return lambda obj: _all(terms, obj)


class _Labels(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct):
    metadata: _Labels


_labelled = msgspec.json.Decoder(_Labelled)


@dataclass(frozen=True, slots=True)
class Selection:
    """A label and a field selector together, asked of stored JSON; decodes only as much as they need."""

    by_label: LabelPredicate | None = None
    by_field: Predicate | None = None

    @property
    def everything(self) -> bool:
        return self.by_label is None and self.by_field is None

    def takes(self, body: bytes) -> bool:
        """Whether the object stored as `body` is selected."""
        if self.by_label is not None and not self.by_label(_labelled.decode(body).metadata.labels or {}):
            return False
        return self.by_field is None or self.by_field(msgspec.json.decode(body))


def _all(terms: list[Callable[[Any], bool]], subject: Any) -> bool:
    return all(term(subject) for term in terms)


def _terms(text: str) -> list[str]:
    """The parts between commas; a comma in parentheses separates nothing."""
    terms: list[str] = []
    inside = False
    for part in text.split(","):
        if inside:
            terms[-1] += f",{part}"
        else:
            terms.append(part)
        if "(" in part or ")" in part:
            inside = part.rfind("(") > part.rfind(")")
    return terms


def _label_term(term: str, whole: str) -> LabelPredicate:
    if match := _EQUALS.fullmatch(term):
        key, sign, value = match.groups()
        return (lambda has: has.get(key) != value) if sign == "!=" else (lambda has: has.get(key) == value)
    if match := _EXISTS.fullmatch(term):
        absent, key = match.groups()
        return (lambda has: key not in has) if absent else (lambda has: key in has)
    if match := _IN.fullmatch(term):
        key, verb, listed = match.groups()
        values = {_set_value(value.strip(), whole) for value in listed.split(",")}
        return (
            (lambda has: has.get(key) in values) if verb == "in" else (lambda has: has.get(key) not in values)
        )
    if match := _COMPARES.fullmatch(term):
        key, sign, bound = match.groups()
        return lambda has: _compares(has.get(key), sign, int(bound))
    raise bad_request(
        f'unable to parse requirement: "{term[:200]}" is not a label selector ("{whole[:200]}")'
    )


def _set_value(value: str, whole: str) -> str:
    if not re.fullmatch(_VALUE, value):
        raise bad_request(f'unable to parse requirement: "{value[:200]}" is no label value ("{whole[:200]}")')
    return value


def _compares(value: str | None, sign: str, bound: int) -> bool:
    if value is None or not re.fullmatch(r"-?[0-9]{1,19}", value):
        return False
    return int(value) > bound if sign == ">" else int(value) < bound


def _expression(one: Obj, has: Mapping[str, str]) -> bool:
    key, operator, values = one.get("key", ""), one.get("operator"), one.get("values") or []
    if operator == "Exists":
        return key in has
    if operator == "DoesNotExist":
        return key not in has
    if operator == "In":
        return key in has and has[key] in values
    return operator == "NotIn" and has.get(key) not in values


def _field_term(term: str, whole: str, selectable: Fields, resource: str) -> Predicate:
    match = _FIELD.fullmatch(term)
    if match is None:
        raise bad_request(f"invalid selector: '{whole[:200]}'; can't understand '{term[:200]}'")
    name, sign, value = match[1], match[2], match[3].strip()
    read = selectable.get(name)
    if read is None:
        raise bad_request(f'field label not supported: {name[:200]} (of "{resource}")')
    return (lambda obj: read(obj) != value) if sign == "!=" else (lambda obj: read(obj) == value)
