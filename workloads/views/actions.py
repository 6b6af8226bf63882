"""Stop, run and delete from pages, for one or many: asks first where something is lost or many go."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from runyard.kit.pages import counted
from runyard.tenancy.models import User
from workloads import actions, bulk, bulk_tasks
from workloads.models import Verb

DONE = {Verb.STOP: "Stopping", Verb.RUN: "Running again:", Verb.DELETE: "Deleting"}
MOST_LINES = 10


@require_safe
def selection(request: HttpRequest) -> HttpResponse:
    """What the action bar says of all that match the query string: how many, and why what cannot be used."""
    choice = bulk.Choice(matching=request.GET.urlencode())
    try:
        count, why = bulk.offers(request.user, choice)
    except bulk.BadRequest as error:
        return JsonResponse({"problem": str(error)}, status=400)
    return JsonResponse({"count": count, "why": why})


@require_POST
def bulk_action(request: HttpRequest) -> HttpResponse:
    """`verb` for those chosen; answers a question, the outcome, or how far a large one is.

    Chosen by `ids`, by `matching` (a query string of the table) less `except`, or by `bulk`, an earlier one.
    """
    try:
        plan = bulk.plan(request.user, request.POST.get("verb", ""), _choice(request))
        confirmed = _confirmed(request, plan)
    except bulk.BadRequest as error:
        return _answer(request, str(error), "error", [], 400)
    if not plan.ready:
        return _answer(request, f"Nothing to {plan.verb.value}.", "warning", _skipped(plan), 200)
    if plan.asks and not confirmed:
        return _ask(request, plan)
    assert isinstance(request.user, User)
    ids, losing = [w.pk for w in plan.ready], [w.pk for w in plan.losing]
    if len(ids) > bulk.AT_ONCE:
        return _begun(request, bulk_tasks.begin(request.user, plan.verb, ids, losing))
    return _done(request, plan, actions.bulk(ids, plan.verb, request.user, losing))


def _choice(request: HttpRequest) -> bulk.Choice:
    if "bulk" in request.POST:
        return bulk.of_bulk(request.user, request.POST["bulk"])
    form = request.POST
    return bulk.Choice.read(form.getlist("ids"), form.get("matching"), form.getlist("except"))


def _confirmed(request: HttpRequest, plan: bulk.Plan) -> bool:
    """Whether the person was asked, about these very workloads, and typed the word where one is asked for."""
    asked_about = set(bulk.read_ids(request.POST.getlist("losing")))
    typed = request.POST.get("word", "").strip().lower()
    return "losing" in request.POST and {w.pk for w in plan.losing} <= asked_about and typed == plan.word


def _ask(request: HttpRequest, plan: bulk.Plan) -> HttpResponse:
    again = request.POST.get("word") is not None and bool(plan.word)
    context = {"plan": plan, "next": _next(request), "word_is_wrong": again}
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "workloads/confirm_page.html", context)
    response = render(request, "workloads/confirm.html", context)
    response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    return response


def _begun(request: HttpRequest, begun: bulk.Bulk) -> HttpResponse:
    """A card that says how far it is; without scripts the page that does."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(begun)
    response = render(request, "workloads/bulk_card.html", {"bulk": begun})
    response["HX-Trigger"] = json.dumps({"workloads-changed": {"all": True}})
    return response


def _done(request: HttpRequest, plan: bulk.Plan, outcome: actions.Outcome) -> HttpResponse:
    names = {workload.pk: workload.name for workload in plan.ready}
    done = [names[pk] for pk in outcome.succeeded]
    named = ", ".join(done) if len(done) <= 3 else counted(len(done), "workload")
    refused = plan.skipped_count + len(outcome.failed)
    words = f"{DONE[plan.verb]} {named}." if done else "Nothing was done."
    if refused:
        words += " 1 was left as it is." if refused == 1 else f" {refused:,} were left as they are."
    lines = _skipped(plan) + [f"{one.name}: {one.message}" for one in outcome.failed]
    response = _answer(
        request,
        words,
        "warning" if refused else "success",
        lines,
        200,
        undo=bulk.UNDO.get(plan.verb),
        ids=outcome.succeeded,
    )
    response["HX-Trigger"] = json.dumps({"workloads-changed": {"ids": outcome.succeeded}})
    return response


def _skipped(plan: bulk.Plan) -> list[str]:
    """One line a workload for a handful, one a reason for more."""
    if plan.skipped_count <= MOST_LINES:
        lines = [f"{row.name}: {why}" for why, rows in plan.skipped.items() for row in rows]
        return lines + ([f"{plan.gone} no longer there"] if plan.gone else [])
    return [f"{count:,} {why.short}" for why, count, _ in plan.reasons]


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
    add(request, " ".join([words, *lines[:MOST_LINES]]))
    return HttpResponseRedirect(_next(request))


def _next(request: HttpRequest) -> str:
    """Where the form says to go on, if that is a page of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return target if ours else reverse("workloads")
