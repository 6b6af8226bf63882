"""Registers the app."""

from django.apps import AppConfig


class ConnectConfig(AppConfig):
    name = "runyard.connect"
    label = "connect"
