"""Django app of the live room."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "runyard.live"
    label = "live"
