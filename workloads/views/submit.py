"""New Workload: the form, what would happen, submitting it, and the sample in one click."""

from dataclasses import replace
from typing import Any

import yaml
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from runyard.clusters.models import Cluster
from runyard.tenancy.access import Denied, may, projects_where
from workloads import actions, fit, forms, queries, sample, spec
from workloads.forms import Draft, ToolRow
from workloads.kinds import KIND_LABEL, KINDS
from workloads.models import Workload
from workloads.spec import WorkloadSpec
from workloads.tools import TOOL_KINDS

_DEFAULTS = WorkloadSpec(name="")
_AMOUNTS = ("gpus", "cpu", "memory")
VIEWS = ("summary", "yaml", "command")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form, empty, copied (`?copy=ID`) or with the sample (`?sample=1`); POST submits."""
    if request.method == "POST":
        return _submit(request)
    draft = _start(request)
    return render(request, "workloads/new.html", _context(draft, request))


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The right side for what is typed so far, and the words at the field that changed."""
    draft = forms.posted(request.user, request.POST)
    changed = request.POST.get("changed", "")
    changed = {"env": "environment", "tool": "tools"}.get(changed.split("-")[0], changed)
    told = {
        name: draft.errors.get(name, "")
        for name in _shown(draft)
        if name == changed or _is_filled(draft, name)
    }
    return render(
        request, "workloads/preview.html", _context(draft, request) | {"told": told, "checked": True}
    )


@require_POST
def sample_now(request: HttpRequest) -> HttpResponse:
    """Submit the sample into the viewer's oldest project; where that cannot be, the form filled with it."""
    project = projects_where(request.user, "workload.create").order_by("pk").first()
    cluster = Cluster.objects.followed().oldest()
    if not sample.offered() or project is None or cluster is None:
        return redirect(f"{request.path.removesuffix('sample')}new?sample=1")
    training = sample.training(forms.free_name("sample", project, cluster))
    workload = actions.submit(request.user, project, cluster, training)  # type: ignore[arg-type]
    return redirect(workload)


def _submit(request: HttpRequest) -> HttpResponse:
    draft = forms.posted(request.user, request.POST)
    if not draft.errors:
        try:
            assert draft.project is not None
            assert draft.cluster is not None
            return redirect(
                actions.submit(request.user, draft.project, draft.cluster, draft.asked)  # type: ignore[arg-type]
            )
        except actions.Invalid as error:
            draft.errors = error.fields
        except Denied as error:
            draft.errors = {"project": str(error)}
    return render(request, "workloads/new.html", _context(draft, request) | {"checked": True}, status=422)


def _start(request: HttpRequest) -> Draft:
    source = _copied(request)
    if source is not None:
        training = WorkloadSpec.load(source.spec) if source.spec else _DEFAULTS
        draft = forms.fresh(request.user, training, _project_name(request, source), source.cluster.name)
        draft.copied_from = source
        draft.texts["name"] = forms.free_name(source.name, draft.project, draft.cluster)
        return draft
    wants_sample = "sample" in request.GET
    training = sample.training("sample") if wants_sample else _DEFAULTS
    draft = forms.fresh(request.user, training, _wanted_project(request), request.GET.get("cluster", ""))
    if wants_sample:
        draft.texts["name"] = forms.free_name("sample", draft.project, draft.cluster)
    return draft


def _wanted_project(request: HttpRequest) -> str:
    """That of the address, where one may submit there: a table may show a project that one only looks at."""
    name = request.GET.get("project", "")
    return name if projects_where(request.user, "workload.create").filter(name=name).exists() else ""


def _copied(request: HttpRequest) -> Workload | None:
    """The workload `?copy=` names. Raises Http404 alike for absent and forbidden."""
    pk = request.GET.get("copy", "")
    if not pk:
        return None
    try:
        source = queries.get_workload(
            request.user, int(pk) if pk.isascii() and pk.isdigit() and len(pk) < 19 else 0
        )
    except Workload.DoesNotExist as error:
        raise Http404 from error
    if not may(request.user, "copy", source):
        raise PermissionDenied(f"You may look at {source.name}, not copy it.")
    return source


def _project_name(request: HttpRequest, source: Workload) -> str:
    """The copied workload's project, if the viewer may create in it; else none, so that the form chooses."""
    creatable = projects_where(request.user, "workload.create")
    return source.project.name if source.project and creatable.filter(pk=source.project.pk).exists() else ""


def _shown(draft: Draft) -> list[str]:
    """The fields that are on the page: with one cluster there is nothing to choose."""
    return [name for name in forms.LABELS if name != "cluster" or len(draft.clusters) > 1]


def _is_filled(draft: Draft, name: str) -> bool:
    rows = {"environment": draft.environment, "tools": draft.tool_rows}
    return bool(rows[name]) if name in rows else bool(draft.texts.get(name, "x"))


def _context(draft: Draft, request: HttpRequest) -> dict[str, Any]:
    asked = draft.asked
    wrong = spec.problems(asked)
    return {
        "draft": draft,
        "kinds": KINDS,
        "tool_kinds": TOOL_KINDS.values(),
        "tool_rows": draft.tool_rows or [ToolRow("")],
        "rows": [*draft.environment, *[("", "")] * (1 if draft.environment else 2)],
        "asked": asked,
        "wrong": wrong,
        "outlook": _outlook(draft, asked, wrong),
        "manifest": _manifest(draft, asked, wrong),
        "told": draft.errors,
        "checked": False,
        "view": view if (view := request.POST.get("view")) in VIEWS else VIEWS[0],
    }


def _outlook(draft: Draft, asked: WorkloadSpec, wrong: dict[str, str]) -> fit.Outlook | None:
    if draft.cluster is None or any(name in wrong for name in _AMOUNTS):
        return None
    return fit.outlook(draft.cluster, asked)


def _manifest(draft: Draft, asked: WorkloadSpec, wrong: dict[str, str]) -> str:
    """The YAML that would be sent, but for the labels that bind it to its row here, so that it can be applied
    by hand; what is still wrong shows as the default or as a gap."""
    gaps: dict[str, Any] = dict.fromkeys(("name", "image", "command"), "…") | {"environment": [], "tools": []}
    mended = {name: gaps.get(name, getattr(_DEFAULTS, name)) for name in wrong}
    namespace = draft.project.namespace if draft.project else "…"
    job = spec.job(replace(asked, **mended), namespace, "")
    for part in (job, job["spec"]["template"]):
        labels = {KIND_LABEL: asked.kind} if asked.tools else {}
        part["metadata"] = {k: v for k, v in (part["metadata"] | {"labels": labels}).items() if v}
    return yaml.dump(job, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=4096)


class _Plain(yaml.SafeDumper):
    """YAML for people: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
