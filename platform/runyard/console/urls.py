"""Addresses of the console: home, sign-in, health."""

from django.urls import path

from runyard.console import telemetry, views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-in/<uidb64>/<token>/", views.sign_in_by_link, name="sign-in-link"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("healthz", views.health, name="health"),
    path("metrics", telemetry.metrics, name="own-metrics"),
    path("freshness", views.freshness_json, name="freshness"),
]
