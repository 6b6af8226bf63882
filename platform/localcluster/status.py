"""The errors of the API, each with the code, reason and words Kubernetes gives them.

Raised anywhere in the package as ApiError; the HTTP door renders one with `status()`, in-process callers
read `code`, `reason` and `details`. `resource` arguments are resource keys such as "pods" or "jobs.batch".
"""

from __future__ import annotations

from typing import Any

Cause = dict[str, str]


class ApiError(Exception):
    """A refused request: HTTP `code`, Kubernetes `reason`, `message`, and `details` of a Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None):
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.continue_token = ""

    def status(self) -> dict[str, Any]:
        """The meta/v1 Status object of this error."""
        metadata = {"continue": self.continue_token} if self.continue_token else {}
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
        }
        body |= {"message": self.message, "reason": self.reason}
        if self.details:
            body["details"] = self.details
        return body | {"code": self.code}


def _details(resource: str, name: str, **more: Any) -> dict[str, Any]:
    plural, _, group = resource.partition(".")
    details = {"name": name, "group": group, "kind": plural} | more
    return {key: value for key, value in details.items() if value}


def success(resource: str, name: str, uid: str) -> dict[str, Any]:
    """The Status object that answers a deletion which left nothing behind."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": _details(resource, name, uid=uid),
    }


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(resource: str, name: str, why: str, causes: list[Cause] | None = None) -> ApiError:
    message = f'{resource} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(resource, name, causes=causes))


def not_found(resource: str, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{resource} "{name}" not found', _details(resource, name))


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_supported() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def already_exists(resource: str, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists', _details(resource, name))


def conflict(resource: str, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def stale(resource: str, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def too_large(limit_bytes: int) -> ApiError:
    message = f"Request entity too large: limit is {limit_bytes}"
    return ApiError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(given: str, supported: list[str]) -> ApiError:
    message = f"the body of the request was in an unknown format ({given or 'none given'}) - "
    message += f"accepted media types include: {', '.join(supported)}"
    return ApiError(415, "UnsupportedMediaType", message)


def invalid(kind: str, group: str, name: str, causes: list[Cause]) -> ApiError:
    """422 for an object whose fields are wrong; `causes` as Problems.causes has them."""
    said = [f"{cause['field']}: {cause['message']}" for cause in causes]
    words = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    qualified = f"{kind}.{group}" if group else kind
    details = {"name": name, "group": group, "kind": kind, "causes": causes}
    details = {key: value for key, value in details.items() if value}
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {words}', details)


def too_large_version(asked: int, current: int) -> ApiError:
    """504 for a resourceVersion this store has not reached."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def storage_failed(why: str) -> ApiError:
    """500 that tells of a full or failing disk, in the words of the store."""
    return ApiError(500, "InternalError", f"Internal error occurred: the cluster's store: {why}")


def internal() -> ApiError:
    return ApiError(500, "InternalError", "Internal error occurred: see the server's log")
