"""The last resort of every request: what went wrong in words, and the right status for it."""

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

AWAY = "The database does not answer; try again in a moment."
BROKEN = "Something broke in Runyard; the server's log has the cause."


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500. A database that is away is no fault of ours: 503, and worth trying again."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if away else 500
    if request.path.startswith("/api/"):
        code, message = ("Unavailable", AWAY) if away else ("Error", BROKEN)
        words: dict[str, Any] = {"code": code, "message": message, "fields": {}}
        response: HttpResponse = JsonResponse(words, status=status)
    else:
        response = HttpResponse(render_to_string(f"{status}.html"), status=status)
    if away:
        response["Retry-After"] = "5"
    return response
