"""Django app of the api room."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "runyard.api"
    label = "api"
