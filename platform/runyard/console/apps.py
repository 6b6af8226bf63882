"""Django app of the console room."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "runyard.console"
    label = "console"
