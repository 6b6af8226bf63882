"""Registers the app."""

from django.apps import AppConfig


class ConnectConfig(AppConfig):
    name = "runyard.connect"
    label = "connect"

    def ready(self) -> None:
        from runyard.connect.history import VISITS
        from workloads.history_sources import SOURCES

        SOURCES.append(VISITS)
