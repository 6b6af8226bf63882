"""A bulk action that goes on in the background: how far it is, what failed, and its end."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from runyard.tenancy.models import User
from workloads import bulk_tasks
from workloads.bulk import UNDO
from workloads.models import Bulk, Verb

DISMISSED = "runyard_dismissed_bulks"  # a cookie of bulk-progress.js: numbers with dots between


def find(request: HttpRequest, bulk: int) -> Bulk:
    """One of the viewer's own. Raises Http404 alike for absent and somebody else's."""
    found = Bulk.objects.visible_to(request.user).defer("ids", "losing").filter(pk=bulk).first()
    if found is None:
        raise Http404("There is no such bulk action of yours.")
    return found


def cards(request: HttpRequest) -> list[Bulk]:
    """Those of the viewer that go on, for a page that is opened; without those they have dismissed there.

    A part of the page that is fetched again leaves the cards of the page alone.
    """
    if request.htmx or "X-Runyard-Refresh" in request.headers:  # type: ignore[attr-defined]
        return []
    dismissed = request.COOKIES.get(DISMISSED, "").split(".")
    assert isinstance(request.user, User)
    return [bulk for bulk in bulk_tasks.running_of(request.user) if str(bulk.pk) not in dismissed]


def context(bulk: Bulk) -> dict[str, object]:
    """What the card and the page of `bulk` show."""
    return {"bulk": bulk, "undo": UNDO.get(Verb(bulk.verb)) if bulk.succeeded_count else None}


@require_safe
def result(request: HttpRequest, bulk: int) -> HttpResponse:
    """The whole of it, with every failure."""
    return render(request, "workloads/bulk_result.html", context(find(request, bulk)))


@require_safe
def card(request: HttpRequest, bulk: int) -> HttpResponse:
    """The same in short, for the corner of the page."""
    return render(request, "workloads/bulk_card.html", context(find(request, bulk)))


@require_POST
def cancel(request: HttpRequest, bulk: int) -> HttpResponse:
    """Do no more than what is being done; the card says how far it came."""
    bulk_tasks.cancel(find(request, bulk))
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "workloads/bulk_card.html", context(find(request, bulk)))
    return redirect("workload-bulk-result", bulk)
