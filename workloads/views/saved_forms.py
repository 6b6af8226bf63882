"""What the panel of saved views does: keeps, renames, shares and deletes views, sets a project's default.

Rights and limits are those of `tenancy.saved_views`; what is refused is said in the panel, or on the page.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import escape
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from runyard.kit.looks import Look, read_address
from runyard.kit.pages import query
from runyard.kit.values import BadQuery
from runyard.tenancy import saved_views
from runyard.tenancy.access import Denied
from runyard.tenancy.models import SavedView
from runyard.tenancy.preferences import table_choice
from runyard.tenancy.saved_views import BadView
from workloads.tables import WorkloadTable
from workloads.views.columns import TABLE
from workloads.views.saved import ALL, address_of


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Keep what `address` (a query string of the table) shows as `name`, for oneself or for `project`."""
    try:
        project = saved_views.project_to_share(request.user, request.POST.get("project"))
        view = saved_views.create(
            request.user,
            TABLE,
            request.POST.get("name", ""),
            _look(request),
            project,
        )
    except (BadView, BadQuery, Denied) as problem:
        return _refused(request, str(problem))
    shared = f" and shared it with project {project}" if project else ""
    return _done(request, f"Saved the view “{view}”{shared}.", address_of(view))


@require_POST
def change(request: HttpRequest, view: int) -> HttpResponse:
    """`do` is save, rename, share, default, no-default or delete, which asks first."""
    found = get_object_or_404(saved_views.visible_views(request.user, TABLE), pk=view)
    do = CHANGES.get(request.POST.get("do", ""))
    if do is None:
        return _refused(request, f"A view can be changed by {', '.join(CHANGES)}.")
    try:
        return do(request, found)
    except (BadView, BadQuery, Denied) as problem:
        return _refused(request, str(problem))


def _save(request: HttpRequest, view: SavedView) -> HttpResponse:
    saved_views.update(request.user, view, _look(request))
    return _done(request, f"Saved the view “{view}”.", address_of(view))


def _rename(request: HttpRequest, view: SavedView) -> HttpResponse:
    saved_views.rename(request.user, view, request.POST.get("name", ""))
    return _done(request, f"The view is now called “{view}”.", _next(request))


def _share(request: HttpRequest, view: SavedView) -> HttpResponse:
    project = saved_views.project_to_share(request.user, request.POST.get("project"))
    saved_views.share(request.user, view, project)
    now = f"is shared with project {project}" if project else "is for you alone"
    return _done(request, f"The view “{view}” {now}.", _next(request))


def _set_default(request: HttpRequest, view: SavedView) -> HttpResponse:
    saved_views.set_default(request.user, view, True)
    return _done(request, f"“{view}” is what people of {view.project} see first.", _next(request))


def _unset_default(request: HttpRequest, view: SavedView) -> HttpResponse:
    saved_views.set_default(request.user, view, False)
    return _done(request, f"People of {view.project} begin with all workloads.", _next(request))


def _delete(request: HttpRequest, view: SavedView) -> HttpResponse:
    saved_views.require_change(request.user, view, "delete")
    if "sure" not in request.POST:
        context = {"view": view, "next": _next(request)}
        if not request.htmx:  # type: ignore[attr-defined]
            return render(request, "kit/view_delete_page.html", context)
        response = render(request, "kit/view_delete.html", context)
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
        return response
    saved_views.delete(request.user, view)
    path, _, params = _next(request).partition("?")
    return _done(request, f"Deleted the view “{view}”.", path + query(read_address(params), view=ALL))


CHANGES = {
    "save": _save,
    "rename": _rename,
    "share": _share,
    "default": _set_default,
    "no-default": _unset_default,
    "delete": _delete,
}


def _look(request: HttpRequest) -> Look:
    """What the page showed that the form was on."""
    params = read_address(request.POST.get("address", ""))
    return Look.of(WorkloadTable, params, table_choice(request.user, TABLE))


def _next(request: HttpRequest) -> str:
    """The table as it was, if the form says so."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return target if ours and target.startswith(reverse("workloads")) else reverse("workloads")


def _done(request: HttpRequest, words: str, address: str) -> HttpResponse:
    messages.success(request, words)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _refused(request: HttpRequest, words: str) -> HttpResponse:
    """Words in the panel, or with the table for pages without scripts."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(escape(words), status=422)
    messages.error(request, words)
    return HttpResponseRedirect(_next(request))
