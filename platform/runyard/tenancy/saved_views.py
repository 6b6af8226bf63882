"""Saved views: what people keep of a table, for themselves or for a project. Pages and API call these alone.

A view of nobody's but its owner needs no role. In a project: `view.share` lets people share, and change what
they shared; what others shared, and the project's default, are its administrators' (`view.update`,
`view.delete`, `view.set_default`). Raises Denied, or BadView with words by field.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from runyard.kit.compiled import compiled
from runyard.kit.looks import Look
from runyard.tenancy.access import Reach, belongs, known_projects, reach, require
from runyard.tenancy.models import Project, SavedView, User

MOST_OWNED, MOST_SHARED, LONGEST_NAME, LONGEST_QUERY = 100, 100, 80, 4000
#: Signs that turn the direction of what stands around a name.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


class BadView(ValueError):
    """The view cannot be as asked; `fields` says what is wrong, by field."""

    def __init__(self, **fields: str):
        super().__init__(" ".join(fields.values()))
        self.fields = fields


def visible_views(user: Any, *tables: str) -> QuerySet[SavedView]:
    """Of `tables`: their own, and those of projects they may read; own first, then by project and name."""
    if not user.is_authenticated or not user.is_active:
        return SavedView.objects.none()
    return _seen(user.pk, reach(user), tables).select_related("project")


def listed_views(user: Any, table: str, most: int) -> list[SavedView]:
    """The first of them, for a page: with what it shows of each, and no more than `most`."""
    return _listed(user.pk, reach(user), table, most)


@compiled("owner", "table", "name", "query", "layout", "is_default", "project__name", "project__department")
def _listed(owner: int, seen: Reach, table: str, most: int) -> QuerySet[SavedView]:
    return _seen(owner, seen, [table])[:most]


def _seen(owner: int, seen: Reach, tables: Sequence[str]) -> QuerySet[SavedView]:
    shared = Q(project__isnull=False) if seen is None else Q(project__in=seen)
    rows = SavedView.objects.filter(Q(project=None, owner=owner) | shared, table__in=tables)
    return rows.order_by(F("project__name").asc(nulls_first=True), "name", "pk")


def default_view(
    user: Any, table: str, project: str = "", views: Iterable[SavedView] | None = None
) -> SavedView | None:
    """The default of `project`; without one, of the only project of theirs that has a default.

    `views` are all that they see of `table`, where those are at hand.
    """
    rows = visible_views(user, table).filter(is_default=True) if views is None else views
    defaults = [(view.project, view) for view in rows if view.is_default and view.project]
    if project:
        return next((view for at, view in defaults if at.name == project), None)
    found = [view for at, view in defaults if belongs(user, at)]
    return found[0] if len(found) == 1 else None


def project_to_share(user: Any, name: str | None) -> Project | None:
    """The project of that name, None for no name. Raises BadView alike for an absent and a hidden one."""
    if not name:
        return None
    project = next((project for project in known_projects(user) if project.name == name), None)
    if project is None:
        raise BadView(project="There is no such project, or you may not share with it.")
    return project


def create(user: Any, table: str, name: str, look: Look, project: Project | None = None) -> SavedView:
    """Keep `look` as `name`; for `user` alone, or shared with `project`."""
    if project is not None:
        require(user, "share", project, noun="view")
    view = SavedView(owner=user, table=table, name=clean_name(name), project=project)
    _show(view, look)
    with transaction.atomic():
        User.objects.select_for_update().only("pk").get(pk=user.pk)  # one at a time, for the count
        if visible_views(user, table).filter(owner=user).count() >= MOST_OWNED:
            raise BadView(name=f"You keep {MOST_OWNED} views already. Delete one that you do not need.")
        _make_room(project, table)
        return _saved(view)


def update(user: Any, view: SavedView, look: Look) -> None:
    """Let `view` show `look` from now on."""
    require_change(user, view)
    _show(view, look)
    _saved(view, "query", "layout")


def rename(user: Any, view: SavedView, name: str) -> None:
    require_change(user, view)
    view.name = clean_name(name)
    _saved(view, "name")


def share(user: Any, view: SavedView, project: Project | None) -> None:
    """Give the view to `project`, or take it back for its owner alone. It is nobody's default then."""
    require_change(user, view)
    if view.owner_id != user.pk:
        raise BadView(project=f"Only {view.owner.label} can share this view elsewhere or take it back.")
    if project == view.project:
        return
    if project is not None:
        require(user, "share", project, noun="view")
    with transaction.atomic():
        _make_room(project, view.table)
        view.project, view.is_default = project, False
        _saved(view, "project", "is_default")


def set_default(user: Any, view: SavedView, wanted: bool) -> None:
    """Let the people of the view's project begin with it, in place of the default before; or with none."""
    if view.project is None:
        raise BadView(default="Share the view with a project first; a default is a project's.")
    require(user, "set_default", view.project, noun="view")
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=view.project.pk)
        if wanted:
            others = SavedView.objects.filter(project=view.project, table=view.table, is_default=True)
            others.exclude(pk=view.pk).update(is_default=False)
        view.is_default = wanted
        _saved(view, "is_default")


def delete(user: Any, view: SavedView) -> None:
    require_change(user, view, "delete")
    view.delete()


def require_change(user: Any, view: SavedView, verb: str = "update") -> None:
    """Raise Denied unless `user` may change (or delete) the view."""
    if view.is_default:
        require(user, "set_default", view.project, noun="view")
    elif view.project is None or view.owner_id != user.pk:
        require(user, verb, view, noun="view")
    else:
        require(user, "share", view.project, noun="view")


def clean_name(text: str) -> str:
    """The name as it is kept: composed, spaces single. Raises BadView saying what a name is."""
    name = " ".join(unicodedata.normalize("NFC", text[: 20 * LONGEST_NAME]).split())
    kinds = {unicodedata.category(sign) for sign in name}
    if kinds & {"Cc", "Cs"} or any(sign in _TURNING for sign in name):
        raise BadView(name="A view's name has no control characters; type it anew.")
    if not any(kind[0] in "LNPS" for kind in kinds):
        raise BadView(name="Give the view a name.")
    if len(name) > LONGEST_NAME:
        raise BadView(name=f"A view's name has at most {LONGEST_NAME} characters.")
    return name


def _show(view: SavedView, look: Look) -> None:
    if len(look.query) > LONGEST_QUERY:
        raise BadView(query="This view has more filters than can be kept; take some away.")
    view.query, view.layout = look.query, look.layout


def _make_room(project: Project | None, table: str) -> None:
    if project is None:
        return
    Project.objects.select_for_update().get(pk=project.pk)
    if SavedView.objects.filter(project=project, table=table).count() >= MOST_SHARED:
        raise BadView(project=f"{project} has {MOST_SHARED} views already. Delete one that nobody needs.")


def _saved(view: SavedView, *fields: str) -> SavedView:
    """Save a new view, or `fields` of one that is still there; the database tells a name that is taken."""
    try:
        with transaction.atomic():
            if fields and not SavedView.objects.select_for_update().filter(pk=view.pk).exists():
                raise BadView(name="The view was deleted meanwhile.")
            view.save(update_fields=[*fields, "changed_at"] if fields else None)
    except IntegrityError as error:
        where = f"Project {view.project} has" if view.project else "You have"
        raise BadView(name=f"{where} a view “{view.name}” already. Choose another name.") from error
    return view
