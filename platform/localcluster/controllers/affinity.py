"""Which nodes a pod's nodeSelector and required node affinity allow. Pure; used by the scheduler."""

from typing import Any

Obj = dict[str, Any]


def selects(spec: Obj, node: Obj) -> bool:
    """Whether the pod spec may go to `node`, as far as labels and names say."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(_term_holds(term, labels, node) for term in required.get("nodeSelectorTerms") or [])


def _term_holds(term: Obj, labels: dict[str, str], node: Obj) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    names = {"metadata.name": node["metadata"]["name"]}
    if not expressions and not fields:
        return False
    return all(_holds(one, labels) for one in expressions) and all(_holds(one, names) for one in fields)


def _holds(expression: Obj, values: dict[str, str]) -> bool:
    value, wanted = values.get(expression["key"]), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return _is_number(value) and int(value or 0) > int(wanted[0])
        case "Lt":
            return _is_number(value) and int(value or 0) < int(wanted[0])
    return False


def _is_number(value: str | None) -> bool:
    return value is not None and value.lstrip("-").isdigit()
