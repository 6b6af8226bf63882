"""Addresses of the workload pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
