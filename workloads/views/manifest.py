"""The YAML of a workload: as it was submitted, as it is on its cluster, and how the two differ."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from workloads.shown_manifests import LIVE, TITLES, shown
from workloads.views.workload import find, header


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """`?of=` live (the default), submitted or difference; `managed=1` unfolds managedFields; `download=1`."""
    workload = find(request, pk)
    of = request.GET.get("of", LIVE)
    managed = request.GET.get("managed") == "1"
    found = shown(workload, of, managed=managed)
    if request.GET.get("download") == "1" and found.text:
        return _file(f"{workload.name}-{of}.yaml", found.text)
    context = header(request, workload, "yaml")
    context |= {"of": of, "views": TITLES, "managed": managed, "shown": found}
    return render(request, "workloads/yaml.html", context, status=200 if of in TITLES else 400)


def _file(name: str, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'  # a DNS name: nothing to quote
    return response
