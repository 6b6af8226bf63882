"""Addresses of figures: the overview, and below those of workloads their charts."""

from django.urls import path

from metrics import overview_views, views

urlpatterns = [
    path("overview/", overview_views.page, name="overview"),
    path("overview/figures", overview_views.figures, name="overview-figures"),
    path("overview/sparks", overview_views.drawn, name="overview-sparks"),
    path("workloads/<int:pk>/metrics", views.page, name="workload-metrics"),
    path("workloads/<int:pk>/metrics/figures", views.figures, name="workload-figures"),
    path("workloads/<int:pk>/metrics/sparks", views.drawn, name="workload-sparks"),
]
