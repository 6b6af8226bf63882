"""Addresses of the way in."""

from django.urls import path

from runyard.connect import views

urlpatterns = [
    path("<int:pk>/connect/<slug:tool>", views.connect, name="workload-connect"),
]
