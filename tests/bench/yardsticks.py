"""What the table of workloads is measured against, served by the product's own server and middleware."""

import orjson
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from runyard.kit.tables import PAGE_SIZE
from runyard.urls import urlpatterns as product
from workloads import queries
from workloads.tables import WorkloadTable

VALUES, STATIC = "bench/values", "bench/static"
SAVED = "static-page.html"
_FIELDS = (
    "pk",
    *(path for column in WorkloadTable.columns.values() if column.default for path in column.needs),
)


def values(request: HttpRequest) -> HttpResponse:
    """The rows of the first page as plain JSON: what nobody can do without."""
    rows = queries.visible_workloads(request.user).values(*dict.fromkeys(_FIELDS))[:PAGE_SIZE]
    return HttpResponse(orjson.dumps(list(rows)), content_type="application/json")


@login_not_required
def static(request: HttpRequest) -> HttpResponse:
    """A page of fifty rows that somebody saved, byte for byte: no session, no database, no template."""
    return HttpResponse((settings.HOME / SAVED).read_bytes())


urlpatterns = [*product, path(VALUES, values), path(STATIC, static)]
