"""The settings of one project: today the limits of its kept logs. All its people may read them."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from runyard.tenancy.access import denial, may
from runyard.tenancy.models import Project
from workloads import log_limits
from workloads.actions import Invalid
from workloads.keeping import retention
from workloads.log_limits import GIB, WouldDelete


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, project: str) -> HttpResponse:
    """GET shows; POST changes `days` and `gib`, and asks first where that deletes something (`agreed`)."""
    try:
        found = log_limits.project_of(request.user, project)
    except Project.DoesNotExist:
        raise Http404("There is no such project, or you may not see it.") from None
    if request.method != "POST":
        return _draw(request, found, _fields(found))
    if not may(request.user, log_limits.VERB, found):
        return _draw(request, found, _fields(found), status=403)
    texts = {name: request.POST.get(name, "").strip()[:40] for name in ("days", "gib")}
    try:
        days, most_bytes = _read(texts)
        log_limits.change(found, request.user, days, most_bytes, agreed=request.POST.get("agreed") == "1")  # type: ignore[arg-type]
    except Invalid as invalid:
        return _draw(request, found, texts, told=invalid.fields, status=422)
    except WouldDelete as question:
        return _draw(request, found, texts, lost=question.lost)
    messages.success(request, f"The limits of {found.name}'s logs are saved.")
    return HttpResponseRedirect(request.path)


def _fields(project: Project) -> dict[str, str]:
    own = log_limits.limits_of(project).own
    gib = f"{own.bytes / GIB:.3f}".rstrip("0").rstrip(".") if own and own.bytes else ""
    return {"days": str(own.days or "") if own else "", "gib": gib}


def _read(texts: dict[str, str]) -> tuple[int | None, int | None]:
    """Days and bytes, None for an empty field. Raises Invalid."""
    try:
        gib = Decimal(texts["gib"]) if texts["gib"] else None
    except InvalidOperation:
        gib = Decimal(-1)
    days = texts["days"]
    whole = int(days) if days.isascii() and days.isdigit() else -1
    size = int(gib * GIB) if gib is not None and gib.is_finite() and abs(gib) < 10**9 else -1
    found = (whole if days else None, size if gib is not None else None)
    log_limits.check(*found)
    return found


def _draw(request: HttpRequest, project: Project, texts: dict[str, str], **more: Any) -> HttpResponse:
    status = more.pop("status", 200)
    allowed = may(request.user, log_limits.VERB, project)
    context = {
        "project": project,
        "limits": log_limits.limits_of(project),
        "default": log_limits.limits_of(None),
        "kept": retention.kept_of(project.pk),
        "texts": texts,
        "told": {},
        "lost": None,
        "why_not": "" if allowed else denial(log_limits.VERB, project),
    }
    return render(request, "workloads/project_settings.html", context | more, status=status)
