"""Addresses of figures, below those of workloads."""

from django.urls import path

from metrics import views

urlpatterns = [
    path("<int:pk>/metrics", views.page, name="workload-metrics"),
    path("<int:pk>/metrics/figures", views.figures, name="workload-figures"),
]
