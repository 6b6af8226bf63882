"""Every address of the HTTP doors."""

from django.urls import include, path

handler404 = "runyard.console.errors.not_found"
handler500 = "runyard.console.errors.server_error"
urlpatterns = [
    path("", include("runyard.console.urls")),
    path("workloads/", include("workloads.urls")),
    path("projects/", include("workloads.project_urls")),
    path("", include("metrics.urls")),
    path("workloads/", include("runyard.connect.urls")),
    path("api/v1/", include("runyard.api.urls")),
]
