"""Addresses of the pages of one project."""

from django.urls import path

from workloads.views import project_settings

urlpatterns = [path("<slug:project>/settings", project_settings.page, name="project-settings")]
