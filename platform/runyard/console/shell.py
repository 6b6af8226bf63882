"""What the shell around every page shows: who, where, how fresh, which page."""

from typing import Any

from django.http import HttpRequest

from runyard.sync.freshness import freshness
from workloads.queries import visible_projects


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page; nothing for people who have not signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    match = request.resolver_match
    return {
        "user": request.user,
        "page": match.url_name if match else "",
        "projects": list(visible_projects(request.user)),
        "freshness": freshness(request.user),
    }
