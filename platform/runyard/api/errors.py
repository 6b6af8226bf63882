"""Every refusal of the API in one shape: {"code", "message", "fields"}, as words that say what to do."""

from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from runyard.clusters.connection import ClusterError
from runyard.kit.csv import TRY_AGAIN_SECONDS, Busy
from runyard.tenancy.access import Denied
from runyard.tenancy.saved_views import BadView
from workloads.actions import Invalid
from workloads.policies import Refused


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: our own errors, then Django's and DRF's."""
    if isinstance(error, Invalid | BadView):
        return _answer(422, "Invalid", "Some fields need you.", error.fields)
    if isinstance(error, Denied):
        return _answer(403, "Denied", str(error))
    if isinstance(error, Refused):
        return _answer(409, "Refused", str(error))
    if isinstance(error, ClusterError):
        return _answer(502, "ClusterError", str(error))
    if isinstance(error, Busy):
        answer = _answer(503, "Busy", str(error))
        answer["Retry-After"] = str(TRY_AGAIN_SECONDS)
        return answer
    response = exception_handler(error, context)
    if response is None:
        return None
    code = error.default_code if isinstance(error, APIException) else "not_found"
    words = str(response.data.get("detail", "")) if isinstance(response.data, dict) else ""
    response.data = {"code": code, "message": _words(code, words), "fields": {}}
    return response


def _words(code: str, words: str) -> str:
    if code == "not_authenticated":
        return "Nobody is signed in. Sign in, and send the cookie of the session with each request."
    if words.startswith("CSRF Failed: CSRF "):  # none, or not the cookie's
        return f"Send the value of the cookie {settings.CSRF_COOKIE_NAME} as the header X-CSRFToken as well."
    return words or "The request cannot be read."


def _answer(status: int, code: str, message: str, fields: dict[str, str] | None = None) -> Response:
    return Response({"code": code, "message": message, "fields": fields or {}}, status=status)
