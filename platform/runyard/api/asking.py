"""Reads what the address of a request asks for: its workload, and parameters, of which none may be unknown.

Used by every view of the API that takes parameters. Raises Http404 for what is absent and what is forbidden
alike, and ValidationError in words.
"""

from django.http import Http404, QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from workloads import queries
from workloads.models import Workload

MOST_KEY = 2**63 - 1


def workload(request: Request, pk: int) -> Workload:
    try:
        return queries.get_workload(request.user, pk)
    except Workload.DoesNotExist as error:
        raise Http404 from error


def parameters(request: Request, *known: str) -> QueryDict:
    """Those of the request, which must be among the `known`: a wrong name must not pass for none."""
    params = request.query_params
    if unknown := set(params) - {*known}:
        verb = "is" if len(known) == 1 else "are"
        there = f"; there {verb} {', '.join(known)}" if known else ": this address takes none"
        raise ValidationError({"detail": f"Unknown parameter {min(unknown)[:40]!r}{there}."})
    return params


def whole(params: QueryDict, name: str, default: int, most: int, least: int = 1) -> int:
    """A whole number from `least` to `most`; `default` when absent."""
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise ValidationError({"detail": f"{name} is a whole number from {least} to {most}."})
    return int(text)


def flag(params: QueryDict, name: str) -> bool:
    """Whether it is true; false when absent."""
    text = params.get(name, "false")
    if text not in ("true", "1", "false", "0"):
        raise ValidationError({"detail": f"{name} is true or false."})
    return text in ("true", "1")
