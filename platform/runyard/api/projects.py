"""The limits of a project's kept logs by the REST API: read by its people, changed by who may."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runyard.api import asking, bodies
from runyard.kit.pages import iso
from runyard.tenancy.models import Project, User
from workloads import log_limits
from workloads.keeping import retention
from workloads.log_limits import WouldDelete
from workloads.policies import Refused


class LogLimits(APIView):
    """GET and PUT."""

    def get(self, request: Request, project: str) -> Response:
        asking.parameters(request)
        return Response(_shape(_project(request, project)))

    def put(self, request: Request, project: str) -> Response:
        found, body = _project(request, project), bodies.log_limits(request.data)
        assert isinstance(request.user, User)
        try:
            log_limits.change(found, request.user, body.days, body.bytes, agreed=body.delete)
        except WouldDelete as question:
            raise Refused(f'{question} Send "delete": true to agree.') from question
        return Response(_shape(found))


def _project(request: Request, name: str) -> Project:
    try:
        return log_limits.project_of(request.user, name)
    except Project.DoesNotExist as error:
        raise Http404 from error


def _shape(project: Project) -> dict[str, Any]:
    """`days` and `bytes` are the project's own, null for none; `in_force` what counts."""
    limits, kept = log_limits.limits_of(project), retention.kept_of(project.pk)
    own = limits.own
    return {
        "project": project.name,
        "days": own.days if own else None,
        "bytes": own.bytes if own else None,
        "in_force": {"days": limits.days, "bytes": limits.bytes},
        "kept": {"logs": kept.logs, "bytes": kept.bytes},
        "changed_by": own.by.username if own and own.by else None,
        "changed_at": iso(own.changed_at) if own else None,
    }
