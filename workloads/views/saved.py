"""Saved views of the table of workloads: choosing one, and what the panel of views does.

A view is chosen by address: `view=ID` alone leads to the view's full address, which shows the same table to
people who do not see the view. Rights and limits are those of `tenancy.saved_views`.
"""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import escape
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from runyard.kit.looks import Look, read_address, recall
from runyard.kit.pages import query
from runyard.kit.values import BadQuery
from runyard.tenancy import saved_views
from runyard.tenancy.access import Denied, may, projects_where, readable_projects
from runyard.tenancy.models import Project, SavedView
from runyard.tenancy.preferences import table_choice
from runyard.tenancy.saved_views import BadView
from workloads.tables import WorkloadTable
from workloads.views.columns import TABLE

#: `view=all` is the table without any view, also where a project has a default.
ALL, LISTED = "all", 300


@dataclass
class Shelf:
    """What the button and the panel of views show."""

    address: str  # of the page, as the forms send it
    views: list[SavedView]
    more: bool = False  # whether there are more than are listed
    current: SavedView | None = None
    changed: bool = False  # whether the page shows something else than the view it is at
    notice: str = ""
    shareable: list[Project] = field(default_factory=list)
    why_fixed: str = ""  # why the viewer may not change the current view
    may_share: bool = False
    may_set_default: bool = False

    @property
    def name(self) -> str:
        return self.current.name if self.current else "All workloads"

    @property
    def groups(self) -> list[tuple[str, list[SavedView]]]:
        """Own views, then those of each project."""
        groups: dict[str, list[SavedView]] = {}
        for view in self.views:
            groups.setdefault(f"Shared with {view.project}" if view.project else "Mine", []).append(view)
        return list(groups.items())


def full_address(request: HttpRequest) -> str | None:
    """Where an address leads that says no more than a view or a project with a default; None: it stays."""
    asked = {name: values for name, values in request.GET.lists() if any(values)}
    project = asked.get("project", [""])[0]
    if "\0" in project or "X-Runyard-Refresh" in request.headers:  # what is shown stays what it is
        return None
    if set(asked) == {"view"}:
        view = current_view(request)
    elif not asked or (set(asked) == {"project"} and len(asked["project"]) == 1):
        view = saved_views.default_view(request.user, TABLE, project)
    else:
        return None
    return address_of(view, project) if view else None


def current_view(request: HttpRequest) -> SavedView | None:
    """The view that the address names, if the viewer sees it."""
    pk = request.GET.get("view", "")
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return None
    return saved_views.visible_views(request.user, TABLE).filter(pk=int(pk)).first()


def address_of(view: SavedView, project: str = "") -> str:
    """All that the view shows, as an address; of `project` alone, where one is given."""
    look, _ = recall(WorkloadTable, view.query, view.layout)
    alone = {"project": project} if project else {}
    return reverse("workloads") + query(look.params, view=str(view.pk), **alone)


def shelf(request: HttpRequest, problem: str) -> Shelf:
    """The panel for this page; `problem` says that its address is wrong."""
    views = list(saved_views.visible_views(request.user, TABLE)[: LISTED + 1])
    made = Shelf(request.GET.urlencode(), views[:LISTED], more=len(views) > LISTED)
    made.shareable = list(projects_where(request.user, "view.share").order_by("name"))
    made.current = next((view for view in views if str(view.pk) == request.GET.get("view")), None)
    if made.current is None and made.more:
        made.current = current_view(request)
    if made.current:
        _tell_rights(made, request.user, made.current)
    if not problem:
        made.changed = is_changed(request, made.current)
        made.notice = _notice(request, made.current)
    return made


def _tell_rights(made: Shelf, user: Any, view: SavedView) -> None:
    try:
        saved_views.require_change(user, view)
    except Denied as denied:
        made.why_fixed = str(denied)
    made.may_share = not made.why_fixed and view.owner_id == user.pk
    made.may_set_default = may(user, "set_default", view.project, noun="view")


def is_changed(request: HttpRequest, view: SavedView | None) -> bool:
    """Whether the address, which must be sound, shows something else than the view, or than all workloads."""
    choice, params = table_choice(request.user, TABLE), request.GET.copy()
    if params.get("columns") == "all":  # of a file
        del params["columns"]
    if view is None:
        return not Look.of(WorkloadTable, params, choice).shows(Look.of(WorkloadTable, QueryDict(), choice))
    kept, lost = recall(WorkloadTable, view.query, view.layout)
    if view.project and params.getlist("project") == [view.project.name] and "project=" not in kept.query:
        del params["project"]  # a project's default, opened for the project alone
    return bool(lost) or not Look.of(WorkloadTable, params, choice).shows(kept)


def _notice(request: HttpRequest, view: SavedView | None) -> str:
    """What of the view that was asked for cannot be shown."""
    if view is None:
        asked = {name: values for name, values in request.GET.lists() if any(values)}
        if set(asked) != {"view"} or asked["view"] == [ALL]:
            return ""
        return "The view of this address is not there, or not yours to see. All workloads are shown."
    kept, lost = recall(WorkloadTable, view.query, view.layout)
    projects = kept.params.getlist("project")
    there = set(readable_projects(request.user).filter(name__in=projects).values_list("name", flat=True))
    lost += [f"the project “{name}”" for name in projects if name not in there]
    asks = "asks for what is no longer there, or not yours to see"
    return f"“{view}” {asks}: {', '.join(lost)}." if lost else ""


def with_view(params: QueryDict, made: Shelf) -> QueryDict:
    """`params`, saying that no view is meant where nothing else does: its links then stay out of defaults."""
    if "view" in params or not any(view.is_default for view in made.views):
        return params
    said = params.copy()
    said["view"] = ALL
    return said


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
