"""The table of workloads as a file: what the page's address shows, all rows of it, as CSV."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from runyard.kit.csv import TRY_AGAIN_SECONDS, Busy, csv_response, table_csv
from runyard.kit.values import BadQuery
from runyard.tenancy.preferences import table_choice
from workloads.tables import WorkloadTable
from workloads.views import saved
from workloads.views.columns import TABLE


@require_safe
def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Takes the query string of the page; `columns=all` for every column. 400 with words when it is wrong.

    503 with words while too many others download.
    """
    try:
        export = table_csv(WorkloadTable, request.user, request.GET, table_choice(request.user, TABLE))
    except BadQuery as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain; charset=utf-8")
    try:
        return csv_response(export, TABLE, _part(request))
    except Busy as busy:
        headers = {"Retry-After": str(TRY_AGAIN_SECONDS)}
        return HttpResponse(str(busy), "text/plain; charset=utf-8", 503, headers=headers)


def _part(request: HttpRequest) -> str:
    """What a file is named after: the view, whether it shows something else by now; or the only project."""
    if view := saved.current_view(request):
        return f"{view}-changed" if saved.is_changed(request, view) else str(view)
    projects = request.GET.getlist("project")
    return projects[0] if len(projects) == 1 and projects[0] else "all"
