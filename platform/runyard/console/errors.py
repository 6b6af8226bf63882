"""The last resort of every request: what went wrong in words, and the right status for it."""

import sys
from typing import Any
from urllib.parse import quote

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import Resolver404, is_valid_path
from django.views.defaults import page_not_found

AWAY = "The database does not answer; try again in a moment."
BROKEN = "Something broke in Runyard; the server's log has the cause."


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404. What is an address but for the slash at its end leads there.

    Of a slash that lacks at its end Django's own middleware does the same.
    """
    bare = request.path_info.removesuffix("/")
    looks = isinstance(exception, Resolver404) and request.method in ("GET", "HEAD")
    if looks and bare != request.path_info and is_valid_path(bare):
        query = request.META.get("QUERY_STRING", "")
        path = quote(request.path.removesuffix("/"))
        return HttpResponsePermanentRedirect(f"{path}?{query}" if query else path)
    return page_not_found(request, exception)


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
