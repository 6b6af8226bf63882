"""Addresses of the REST API, version 1."""

from django.urls import path, re_path

from runyard.api import history, logs, metrics, projects, saved_views, views

urlpatterns = [
    path("workloads", views.Workloads.as_view(), name="api-workloads"),
    path("workloads/batch", views.Batch.as_view(), name="api-batch"),
    path("workloads/batch/<int:bulk>", views.OneBatch.as_view(), name="api-one-batch"),
    path("workloads/batch/<int:bulk>/cancel", views.EndBatch.as_view(), name="api-end-batch"),
    path("workloads/<int:pk>", views.OneWorkload.as_view(), name="api-workload"),
    re_path(r"^workloads/(?P<pk>\d{1,18})/(?P<verb>stop|run)$", views.Act.as_view(), name="api-act"),
    path("workloads/<int:pk>/pods", views.Pods.as_view(), name="api-pods"),
    path("workloads/<int:pk>/events", history.Events.as_view(), name="api-events"),
    path("workloads/<int:pk>/yaml", history.Yaml.as_view(), name="api-yaml"),
    path("workloads/<int:pk>/log", logs.Log.as_view(), name="api-log"),
    path("workloads/<int:pk>/logs", logs.Logs.as_view(), name="api-logs"),
    path("workloads/<int:pk>/metrics", metrics.Metrics.as_view(), name="api-metrics"),
    path("projects/<slug:project>/log-limits", projects.LogLimits.as_view(), name="api-log-limits"),
    path("views", saved_views.SavedViews.as_view(), name="api-views"),
    path("views/<int:view>", saved_views.OneSavedView.as_view(), name="api-view"),
]
