"""The door of a tool: lets a person in once it answers, and says meanwhile what it waits for."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from runyard.connect import probing, visits
from runyard.connect.app import ENTER
from runyard.connect.hosts import Place, origin_of
from runyard.connect.targets import tool_of
from runyard.tenancy.models import User
from workloads.availability import Availability
from workloads.models import Workload
from workloads.queries import get_workload
from workloads.tool_states import Answering
from workloads.tools import TOOL_KINDS, Tool, token_of

AGAIN_SECONDS = 2


@require_safe
def connect(request: HttpRequest, pk: int, tool: str) -> HttpResponse:
    """Into `tool`, once it answers: until then a page that says what it waits for, and asks again."""
    workload = _find(request, pk)
    found = tool_of(workload, tool)
    if found is None:
        raise Http404("This workload has no such tool.")
    if why := Availability(request.user).connect(workload):
        return _closed(request, workload, found, why.sentence, refused=True)
    state = probing.look(workload, found)
    if state.state != Answering.READY:
        return _closed(request, workload, found, state.words)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":  # a page elsewhere may lead here, not further
        return _closed(request, workload, found, "")
    assert isinstance(request.user, User)
    ticket = visits.admit(request.user, request.session.session_key or "", workload, tool)
    asked = urlencode({"ticket": ticket, "to": _first_page(workload, found)})
    response = redirect(f"{origin_of(Place(pk, tool))}{ENTER}?{asked}")
    response["Cache-Control"], response["Referrer-Policy"] = "no-store", "no-referrer"
    return response


def _first_page(workload: Workload, tool: Tool) -> str:
    """Where `tool` opens; one that asks for the token we gave it is shown it once."""
    if not workload.manifest or not TOOL_KINDS[tool.kind].token_variable:
        return tool.path
    return f"{tool.path}{'&' if '?' in tool.path else '?'}token={token_of(str(workload.key))}"


def _find(request: HttpRequest, pk: int) -> Workload:
    try:
        return get_workload(request.user, pk)
    except Workload.DoesNotExist:
        raise Http404("There is no such workload, or you may not see it.") from None


def _closed(
    request: HttpRequest, workload: Workload, tool: Tool, words: str, refused: bool = False
) -> HttpResponse:
    """Why one is not let in; where that may change by itself, the browser asks again."""
    context = {"workload": workload, "tool": tool, "words": words, "refused": refused}
    response = render(request, "connect/connect.html", context, status=409 if refused else 200)
    response["Cache-Control"] = "no-store"
    if words and not refused:
        response["Refresh"] = str(AGAIN_SECONDS)
    return response
