"""The choices a person makes about the table: its columns and their widths, and one filter more."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from runyard.kit.layout import Layout, as_saved
from runyard.kit.pages import query
from runyard.kit.tables import Table
from runyard.kit.values import BadQuery
from runyard.tenancy.preferences import keep_table_choice, table_choice
from workloads.pods_table import PodTable
from workloads.tables import WorkloadTable

TABLE, PODS = "workloads", "pods"
#: Those whose columns people choose, by the names under which their choices are kept.
TABLES: dict[str, type[Table]] = {TABLE: WorkloadTable, PODS: PodTable}


@require_POST
def columns(request: HttpRequest) -> HttpResponse:
    """Keep `column` (once each, in order) and `width` (`key:pixels`) of a `table` for the viewer.

    `reset` forgets them.

    At a saved view they go into the address instead, where the view can be saved with them. Without any
    `column` those chosen before stay. `up` and `down` name a column to move first, for pages
    without scripts.
    """
    name = request.POST.get("table", TABLE)
    if name not in TABLES:
        return HttpResponseBadRequest(f"There is no table “{name[:40]}”.", content_type="text/plain")
    declared = TABLES[name].columns
    keys = request.POST.getlist("column") or _chosen(request, name)
    for step, button in ((-1, "up"), (1, "down")):
        keys = _moved(keys, request.POST.get(button, ""), step)
    widths = dict(text.partition(":")[::2] for text in request.POST.getlist("width"))
    try:
        choice = None if "reset" in request.POST else as_saved(declared, keys, widths)
    except BadQuery as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain")
    path, params = _origin(request)
    if "column" in request.POST and params.get("view", "").isdigit():
        layout = Layout.read(declared, None, choice)
        return HttpResponseRedirect(path + query(params, **layout.params))
    keep_table_choice(request.user, name, choice)
    return HttpResponseRedirect(path + query(params, columns=None, widths=None))


def _chosen(request: HttpRequest, name: str) -> list[str]:
    return Layout.read(TABLES[name].columns, None, table_choice(request.user, name)).keys


def _moved(keys: list[str], key: str, step: int) -> list[str]:
    if key not in keys:
        return keys
    others = [other for other in keys if other != key]
    place = max(0, keys.index(key) + step)
    return [*others[:place], key, *others[place:]]


def _origin(request: HttpRequest) -> tuple[str, QueryDict]:
    """The page the form was on, if ours, and what its address asked for."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        return reverse("workloads"), QueryDict()
    path, _, params = target.partition("?")
    return path, QueryDict(params)


@require_safe
def add_filter(request: HttpRequest) -> HttpResponse:
    """From the fields of the filter form to the table's address with one `f=` more; the table checks it."""
    params = request.GET.copy()
    parts = [params.pop(name, [""])[-1] for name in ("column", "operator", "value")]
    return HttpResponseRedirect(
        reverse("workloads") + query(params, f=[*params.getlist("f"), "".join(parts)])
    )
