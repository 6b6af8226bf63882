"""Stop, run and delete from pages, for one or many: asks first where something is lost."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from runyard.kit.pages import counted
from workloads import actions, bulk
from workloads.models import Verb

DONE = {Verb.STOP: "Stopping", Verb.RUN: "Running again:", Verb.DELETE: "Deleting"}


@require_POST
def bulk_action(request: HttpRequest) -> HttpResponse:
    """`verb` for each of `ids`; answers a confirmation, or the outcome as toast (scripts) or message."""
    verb, ids = request.POST.get("verb", ""), request.POST.getlist("ids")
    try:
        plan = bulk.plan(request.user, verb, ids)
    except bulk.BadRequest as error:
        return _answer(request, str(error), "error", [], 400)
    if not plan.ready:
        return _answer(request, f"Nothing to {plan.verb.value}.", "warning", _lines(plan.skipped), 200)
    if plan.loses and not _confirmed(request, plan):
        return _ask(request, plan)
    outcome = actions.bulk(plan.ready, plan.verb, request.user)  # type: ignore[arg-type]
    names = {workload.pk: workload for workload in plan.ready}
    refused = plan.skipped + [(names[pk], words) for pk, _, words in outcome.failed]
    words = (
        f"{DONE[plan.verb]} {_names(plan, outcome.succeeded)}." if outcome.succeeded else "Nothing was done."
    )
    if refused:
        words += f" {counted(len(refused), 'workload')} refused."
    response = _answer(
        request,
        words,
        "warning" if refused else "success",
        _lines(refused),
        200,
        undo=bulk.UNDO.get(plan.verb),
        ids=outcome.succeeded,
    )
    response["HX-Trigger"] = json.dumps({"workloads-changed": {"ids": [*outcome.succeeded]}})
    return response


def _confirmed(request: HttpRequest, plan: bulk.Plan) -> bool:
    """Whether the person was asked, about these very workloads, and typed the word where one is asked for."""
    asked_about = set(request.POST.getlist("losing"))
    typed = request.POST.get("word", "").strip().lower()
    return {str(w.pk) for w in plan.loses} <= asked_about and typed == plan.word


def _ask(request: HttpRequest, plan: bulk.Plan) -> HttpResponse:
    again = request.POST.get("word") is not None and bool(plan.word)
    context = {"plan": plan, "next": _next(request), "word_is_wrong": again}
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "workloads/confirm_page.html", context)
    response = render(request, "workloads/confirm.html", context)
    response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    return response


def _answer(
    request: HttpRequest,
    words: str,
    level: str,
    lines: list[str],
    status: int,
    undo: Verb | None = None,
    ids: list[int] | None = None,
) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        context = {"words": words, "level": level, "lines": lines, "undo": undo, "ids": ids or []}
        return render(request, "workloads/outcome.html", context, status=status)
    add = {"error": messages.error, "warning": messages.warning, "success": messages.success}[level]
    add(request, " ".join([words, *lines[:10]]))
    return HttpResponseRedirect(_next(request))


def _next(request: HttpRequest) -> str:
    """Where the form says to go on, if that is a page of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return target if ours else reverse("workloads")


def _names(plan: bulk.Plan, ids: list[int]) -> str:
    done = [workload.name for workload in plan.ready if workload.pk in set(ids)]
    return ", ".join(done) if len(done) <= 3 else counted(len(done), "workload")


def _lines(refused: list[tuple[Any, str]]) -> list[str]:
    return [f"{workload.name}: {why}" for workload, why in refused]
