"""Saved views of the table of workloads: which one an address means, and what the panel of views shows.

A view is chosen by address: `view=ID` alone leads to the view's full address, which shows the same table to
people who do not see the view. Rights and limits are those of `tenancy.saved_views`.
"""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from runyard.kit.looks import Look, recall
from runyard.kit.pages import query
from runyard.tenancy import saved_views
from runyard.tenancy.access import Denied, known_projects, may
from runyard.tenancy.models import Project, SavedView
from runyard.tenancy.preferences import table_choice
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


def listed(user: Any) -> list[SavedView]:
    """The views that `user` sees; no more than one beyond those that are listed."""
    return saved_views.listed_views(user, TABLE, LISTED + 1)


def full_address(request: HttpRequest, views: list[SavedView]) -> str | None:
    """Where an address leads that says no more than a view or a project with a default; None: it stays."""
    asked = {name: values for name, values in request.GET.lists() if any(values)}
    project = asked.get("project", [""])[0]
    if "\0" in project or "X-Runyard-Refresh" in request.headers:  # what is shown stays what it is
        return None
    if set(asked) == {"view"}:
        view = current_view(request)
    elif not asked or (set(asked) == {"project"} and len(asked["project"]) == 1):
        whole = views if len(views) <= LISTED else None
        view = saved_views.default_view(request.user, TABLE, project, whole)
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


def shelf(request: HttpRequest, views: list[SavedView], problem: str) -> Shelf:
    """The panel for this page, of the `views` that are `listed`; `problem` says that its address is wrong."""
    made = Shelf(request.GET.urlencode(), views[:LISTED], more=len(views) > LISTED)
    made.shareable = [p for p in known_projects(request.user) if may(request.user, "share", p, noun="view")]
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
    if view is None and not params:
        return False
    if view is None:
        return not Look.of(WorkloadTable, params, choice).shows(Look.of(WorkloadTable, QueryDict(), choice))
    kept, lost = recall(WorkloadTable, view.query, view.layout)
    if params.get("columns") == "all":  # of a file, that has all columns of the same rows
        params["columns"] = ",".join(kept.columns)
    if view.project and params.getlist("project") == [view.project.name] and "project" not in kept.params:
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
    there = {project.name for project in known_projects(request.user)}
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
